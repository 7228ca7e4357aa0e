/// SipHash-1-3 of a few words (Aumasson and Bernstein, 2012): nobody who lacks the key can tell what it gives,
/// nor find inputs for which it gives the same.
struct KeyedHash: Sendable {
  let key: (UInt64, UInt64)

  func callAsFunction(_ first: UInt64, _ second: UInt64, _ third: UInt64) -> UInt64 {
    var a = key.0 ^ 0x736f_6d65_7073_6575
    var b = key.1 ^ 0x646f_7261_6e64_6f6d
    var c = key.0 ^ 0x6c79_6765_6e65_7261
    var d = key.1 ^ 0x7465_6462_7974_6573
    @inline(__always) func turn() {
      a &+= b
      c &+= d
      b = (b << 13 | b >> 51) ^ a
      d = (d << 16 | d >> 48) ^ c
      a = a << 32 | a >> 32
      c &+= b
      a &+= d
      b = (b << 17 | b >> 47) ^ c
      d = (d << 21 | d >> 43) ^ a
      c = c << 32 | c >> 32
    }
    @inline(__always) func take(_ word: UInt64) {
      d ^= word
      turn()
      a ^= word
    }
    take(first)
    take(second)
    take(third)
    take(24 << 56)
    c ^= 0xff
    turn()
    turn()
    turn()
    return a ^ b ^ c ^ d
  }
}
