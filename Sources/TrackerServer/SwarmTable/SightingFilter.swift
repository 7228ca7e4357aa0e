/// Remembers for a while which hashes came: a Bloom filter of two generations, of which the older one is cleared when
/// the younger one is full or a quarter of an hour old. No memory before it is used; at worst it takes one of a
/// thousand that it never saw for known, so that a flood does not fill the table by that.
@safe
struct SightingFilter {
  private static let lifetime: UInt32 = 900
  /// Bits for each hash, and how many of them it sets.
  private static let width = 16
  private static let turns = 8
  private var memory = GrowableMemory()
  /// Bits of a generation, a power of two.
  private let bits: Int
  /// The generation that is filled, what is in it, when it began.
  private var current = 0
  private var count = 0
  private var began: UInt32 = 0

  /// One that forgets nothing before `count` others came.
  init(perGeneration count: Int) {
    var bits = 1024
    while bits < count * Self.width { bits *= 2 }
    self.bits = bits
  }

  var byteCount: Int { memory.touched }

  mutating func free() { memory.free() }

  /// Whether `hash` came before; it has from now on.
  mutating func sees(_ hash: UInt64, now: UInt32) -> Bool {
    guard byteCount > 0 else {
      memory.grow(to: bits / 4)
      began = now
      return sees(hash, now: now)
    }
    // The oldest sightings may be older than both generations when nothing came for long.
    if now &- began > Self.lifetime { turn(now) }
    let isKnown = has(hash, in: current) || has(hash, in: 1 - current)
    if !has(hash, in: current) {
      for turn in 0..<Self.turns {
        let (offset, bit) = place(hash, turn, in: current)
        let byte = unsafe memory.at(offset)
        unsafe byte.storeBytes(of: byte.load(as: UInt8.self) | bit, as: UInt8.self)
      }
      count += 1
      if count * Self.width >= bits { self.turn(now) }
    }
    return isKnown
  }

  private mutating func turn(_ now: UInt32) {
    let isStale = now &- began > 2 * Self.lifetime
    current = 1 - current
    count = 0
    began = now
    let (from, size) = isStale ? (0, bits / 4) : (current * bits / 8, bits / 8)
    unsafe memory.at(from).initializeMemory(as: UInt8.self, repeating: 0, count: size)
  }

  private func has(_ hash: UInt64, in generation: Int) -> Bool {
    for turn in 0..<Self.turns {
      let (offset, bit) = place(hash, turn, in: generation)
      if unsafe memory.at(offset).load(as: UInt8.self) & bit == 0 { return false }
    }
    return true
  }

  private func place(_ hash: UInt64, _ turn: Int, in generation: Int) -> (offset: Int, bit: UInt8) {
    // Bits of the hash are the same in the whole shard: those are spread first.
    let spread = hash &* 0x9e37_79b9_7f4a_7c15
    let position = Int((spread >> 40 &+ UInt64(turn) &* (spread >> 16 | 1)) & UInt64(bits - 1))
    return (generation * bits / 8 + position / 8, 1 << UInt8(position % 8))
  }
}
