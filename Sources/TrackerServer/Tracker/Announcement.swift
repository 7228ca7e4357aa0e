import Addresses
import Bytes
import Digest
import TrackerProtocol

/// What a client announced, whichever way it came: what the front ends hand to `TrackerCore`. Holds no reference,
/// so that none is counted on the way.
struct Announcement: Sendable {
  /// The swarm.
  var infoHash: InfoHash
  /// Where the client can be reached, from its source address and its port.
  var peer: Endpoint
  /// A second address of the client, if it may name one (BEP 7).
  var other: Endpoint?
  /// The client's own name for itself.
  var peerID: AnnouncedPeerID
  /// Bytes sent to peers since `started`.
  var uploaded: UInt64 = 0
  /// Bytes received from peers since `started`.
  var downloaded: UInt64 = 0
  /// Bytes that are yet to come; 0 is a seed.
  var left: UInt64
  /// Why the client announces.
  var event = AnnounceEvent.regular
  /// How many peers it wants; `nil` leaves it to the tracker.
  var wanted: Int?
  /// Which peers it can be told of.
  var families = PeerFamilies.both
  /// The key that it announced with, on trackers that have such.
  var passkey: Passkey?
}

/// A peer id (BEP 20) as a tracker keeps it: 20 bytes without a heap object.
struct AnnouncedPeerID: Hashable, Sendable {
  let first: UInt64
  let second: UInt64
  let third: UInt32

  /// The 20 bytes at `offset`.
  init(_ bytes: RawSpan, at offset: Int) {
    first = bytes.bigEndian(UInt64.self, at: offset)
    second = bytes.bigEndian(UInt64.self, at: offset + 8)
    third = bytes.bigEndian(UInt32.self, at: offset + 16)
  }
}

/// What a member of a private tracker announces with, in the path of the announce URL: 16 random bytes, written as
/// 32 hexadecimal digits.
struct Passkey: Hashable, Sendable {
  let high: UInt64
  let low: UInt64

  /// Reads 32 hexadecimal digits; `nil` for anything else.
  init?(_ digits: some Sequence<UInt8>) {
    var words: (high: UInt64, low: UInt64) = (0, 0)
    var count = 0
    for digit in digits {
      let value: UInt64
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt64(digit - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = UInt64(digit - UInt8(ascii: "a")) + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): value = UInt64(digit - UInt8(ascii: "A")) + 10
      default: return nil
      }
      count += 1
      guard count <= 32 else { return nil }
      words.high = words.high << 4 | words.low >> 60
      words.low = words.low << 4 | value
    }
    guard count == 32 else { return nil }
    (high, low) = words
  }
}

extension Passkey {
  /// The key that these words are.
  init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }
}
