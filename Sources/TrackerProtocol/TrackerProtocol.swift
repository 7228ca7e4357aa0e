// TrackerProtocol: what clients and trackers say to each other over HTTP (BEP 3, 7, 21, 23, 24, 31,
// 48) and UDP (BEP 15, 41) and when a client says it (BEP 12). Sans-I/O: no sockets, no clock, no randomness of its own.
// May import Bytes, Digest, Bencode and Addresses.

/// Why a client announces (BEP 3, BEP 21).
public enum AnnounceEvent: String, Sendable, CaseIterable {
  /// Nothing happened, the interval is over. Sent as no event at all.
  case regular = ""
  /// The first announce to a tracker.
  case started
  /// The client leaves the swarm.
  case stopped
  /// The download has just become complete.
  case completed
  /// A partial seed: it has all that it wants, but not all there is (BEP 21).
  case paused
}

/// Families of IP addresses.
public struct TrackerFamilies: OptionSet, Sendable {
  /// A bit a family.
  public let rawValue: UInt8

  /// Families by their bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// IPv4.
  public static let v4 = TrackerFamilies(rawValue: 1)
  /// IPv6.
  public static let v6 = TrackerFamilies(rawValue: 2)
}

/// When a tracker that refused wants to be asked again (BEP 31).
public enum RetryIn: Sendable, Equatable {
  /// Not before this many minutes have passed.
  case minutes(Int)
  /// Never: this tracker will not serve the torrent.
  case never
}

/// Why an answer of a tracker is not a reply.
public enum TrackerFault: Error, Sendable, Equatable, CustomStringConvertible {
  /// The tracker said no: its `failure reason`, and its `retry in` if it sent one.
  case refused(reason: String, retryIn: RetryIn?)
  /// The answer is not what BEP 3 or BEP 48 describes; the text says what is wrong with it.
  case malformed(String)
  /// Nothing came within the time that it had.
  case unanswered

  /// One line for people.
  public var description: String {
    switch self {
    case .refused(let reason, nil): "the tracker refused: \(reason)"
    case .refused(let reason, .minutes(let minutes)):
      "the tracker refused: \(reason) (asks to be tried again in \(minutes) min)"
    case .refused(let reason, .never): "the tracker refused: \(reason) (asks not to be tried again)"
    case .malformed(let what): "the tracker's answer is malformed: \(what)"
    case .unanswered: "no answer in time"
    }
  }
}
