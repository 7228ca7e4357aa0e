/// SipHash-2-4: a keyed hash whose values nobody can foresee who has not the key (Aumasson and Bernstein, 2012).
struct SipHash: Sendable {
  private let first: UInt64
  private let second: UInt64

  /// A key of 16 bytes, as two little-endian words.
  init(key first: UInt64, _ second: UInt64) {
    self.first = first
    self.second = second
  }

  /// The hash of 24 bytes, which are three little-endian words.
  @inline(__always)
  func hash(_ one: UInt64, _ two: UInt64, _ three: UInt64) -> UInt64 {
    var state = State(first, second)
    state.take(one)
    state.take(two)
    state.take(three)
    // The last word holds what is left of the bytes, here none, and their number.
    state.take(24 << 56)
    return state.finish()
  }

  /// The hash of any bytes.
  func hash(_ bytes: [UInt8]) -> UInt64 {
    var state = State(first, second)
    let whole = bytes.count & ~7
    for start in stride(from: 0, to: whole, by: 8) { state.take(Self.word(bytes[start..<start + 8])) }
    state.take(Self.word(bytes[whole...]) | UInt64(bytes.count & 0xff) << 56)
    return state.finish()
  }

  private static func word(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private struct State {
    var v0: UInt64
    var v1: UInt64
    var v2: UInt64
    var v3: UInt64

    @inline(__always)
    init(_ first: UInt64, _ second: UInt64) {
      v0 = first ^ 0x736f_6d65_7073_6575
      v1 = second ^ 0x646f_7261_6e64_6f6d
      v2 = first ^ 0x6c79_6765_6e65_7261
      v3 = second ^ 0x7465_6462_7974_6573
    }

    @inline(__always)
    mutating func take(_ word: UInt64) {
      v3 ^= word
      round()
      round()
      v0 ^= word
    }

    @inline(__always)
    mutating func finish() -> UInt64 {
      v2 ^= 0xff
      round()
      round()
      round()
      round()
      return v0 ^ v1 ^ v2 ^ v3
    }

    @inline(__always)
    private mutating func round() {
      v0 &+= v1
      v2 &+= v3
      v1 = Self.rotate(v1, 13) ^ v0
      v3 = Self.rotate(v3, 16) ^ v2
      v0 = Self.rotate(v0, 32)
      v2 &+= v1
      v0 &+= v3
      v1 = Self.rotate(v1, 17) ^ v2
      v3 = Self.rotate(v3, 21) ^ v0
      v2 = Self.rotate(v2, 32)
    }

    @inline(__always)
    private static func rotate(_ word: UInt64, _ bits: UInt64) -> UInt64 {
      word << bits | word >> (64 - bits)
    }
  }
}
