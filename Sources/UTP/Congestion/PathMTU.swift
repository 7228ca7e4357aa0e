/// How large datagrams may be on a path: tried out with packets of the stream that must not be cut into
/// fragments. Sizes are those of the datagrams.
struct PathMTU {
  /// What every path takes, and what most do.
  static let least = 548
  static let usual = 1232
  /// Closer than that it is not worth a packet, and half of it would not take the padding.
  private static let step = 2 * Padding.leastBytes

  /// What has arrived, and what has not.
  private(set) var floor: Int
  private(set) var ceiling: Int
  private var isFirst = true
  private var failures = 0
  /// A probe is under way.
  private(set) var isProbing = false

  /// `most` is what the interface takes.
  init(most: Int) {
    ceiling = max(most, Self.least)
    floor = min(Self.usual, ceiling)
  }

  /// What packets may have.
  var size: Int { floor }

  /// The size to try now, if there is one: the largest at first, then half-way.
  var probe: Int? {
    guard !isProbing, ceiling - floor >= Self.step else { return nil }
    return isFirst ? ceiling : (floor + ceiling + 1) / 2
  }

  /// The peer takes more than is usual.
  mutating func allow(_ most: Int) {
    guard most > ceiling else { return }
    ceiling = most
    isFirst = true
  }

  mutating func probing() { isProbing = true }

  mutating func arrived(_ size: Int) {
    isProbing = false
    isFirst = false
    failures = 0
    floor = max(floor, min(size, ceiling))
  }

  /// A probe was lost. That may have been chance: twice is not.
  mutating func lost(_ size: Int) {
    isProbing = false
    failures += 1
    guard failures > 1 || isFirst else { return }
    tooLarge(size)
  }

  /// A datagram of that size cannot be sent.
  mutating func tooLarge(_ size: Int) {
    isProbing = false
    isFirst = false
    failures = 0
    ceiling = max(min(ceiling, size - 1), Self.least)
    floor = min(floor, ceiling)
  }

  /// Nothing of this size comes through (any more): back to what every path takes.
  mutating func fallBack() {
    guard floor > Self.least else { return }
    ceiling = floor
    floor = floor > Self.usual ? Self.usual : Self.least
    isProbing = false
    isFirst = false
  }
}
