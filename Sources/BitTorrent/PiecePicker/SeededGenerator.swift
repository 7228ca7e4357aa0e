/// A small random number generator that a seed determines (SplitMix64: Steele, Lea and Flood, 2014).
///
/// Cores take their randomness from it, so that a run can be replayed. Not for secrets.
struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// The sequence that belongs to `seed`.
  init(seed: UInt64) { state = seed }

  /// The next 64 bits. O(1).
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number from 0 up to but not `bound`, which is positive; one multiplication, and a bias below
  /// bound / 2⁶⁴.
  mutating func number(below bound: Int) -> Int {
    Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
  }
}
