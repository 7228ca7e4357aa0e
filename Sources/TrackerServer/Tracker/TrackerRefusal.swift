import TrackerProtocol

/// Why the tracker does not take what a client says. Its text is the client's `failure reason`.
enum TrackerRefusal: Error, Sendable, Equatable {
  /// The torrent is new and the table is full.
  case tooManyTorrents
  /// The lists of the tracker do not have, or do forbid, this torrent.
  case notAllowed
  /// The tracker is private and the passkey is not known, or there is none.
  case unknownPasskey
  /// As many torrents as the passkey may have were announced with it.
  case tooManyTorrentsOfPasskey
  /// The passkey is used at as many addresses as it may be.
  case tooManyAddresses

  /// For the client's user; short, as a UDP error must not be larger than what it answers.
  var reason: String {
    switch self {
    case .tooManyTorrents: "this tracker takes no more torrents at the moment"
    case .notAllowed: "this tracker does not serve this torrent"
    case .unknownPasskey: "passkey unknown: take the announce URL from your account"
    case .tooManyTorrentsOfPasskey: "too many torrents at a time with this passkey"
    case .tooManyAddresses: "this passkey is in use at too many addresses"
    }
  }

  /// The same where there is little room, and no time to make a text: in UDP errors.
  var shortReason: StaticString {
    switch self {
    case .tooManyTorrents: "tracker full"
    case .notAllowed: "torrent not served here"
    case .unknownPasskey: "passkey unknown"
    case .tooManyTorrentsOfPasskey: "too many torrents"
    case .tooManyAddresses: "too many addresses"
    }
  }

  /// When asking again makes sense (BEP 31); `nil` where the usual interval is right.
  var retryIn: RetryIn? {
    switch self {
    case .tooManyTorrents: .minutes(15)
    case .notAllowed, .unknownPasskey: .never
    case .tooManyTorrentsOfPasskey, .tooManyAddresses: .minutes(30)
    }
  }
}
