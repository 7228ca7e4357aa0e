// UTP: the micro transport protocol (BEP 29) with LEDBAT (RFC 6817), sans I/O: datagrams and `now` go in,
// datagrams and events come out. May import Bytes and Addresses. A `UTPSocket` is what shares one UDP port;
// a `UTPConnection` is a reliable stream of it.
//
// Time is microseconds of a clock that never goes back. Everything here belongs to one thread or loop.

/// Numbers of the protocol, and the bounds that keep a stranger from costing much.
enum UTP {
  static let version: UInt8 = 1
  /// What waits in a queue on the path because of us, µs (BEP 29, RFC 6817).
  static let targetDelay = 100_000
  /// Packets that may be under way, or wait for one before them; far below half of the sequence numbers.
  static let packetLimit = 4096
  /// Bytes that are waited with before they are sent again, at least and at most, µs.
  static let leastTimeout: UInt64 = 500_000
  static let mostTimeout: UInt64 = 30_000_000
  /// Time-outs in a row after which the other side is given up, and those while connecting.
  static let timeoutLimit = 8
  static let connectLimit = 4
  /// An acknowledgement of a single packet waits for company, µs.
  static let acknowledgementDelay: UInt64 = 20_000
  /// Silence after which a word keeps the ways of NAT open, µs.
  static let keepAlive: UInt64 = 29_000_000
  /// How long what was written may take to arrive after closing, µs.
  static let linger: UInt64 = 10_000_000
  /// How long a connection that has ended answers what is repeated, µs.
  static let afterlife: UInt64 = 2_000_000
}

/// How far `number` is behind (negative) or ahead of `other`, around the wrap.
@inline(__always)
func distance(_ number: UInt16, from other: UInt16) -> Int { Int(Int16(bitPattern: number &- other)) }
