/// How fast payload may move, in bytes a second each way; messages of the protocol do not count and are
/// not slowed.
public struct RateLimits: Sendable, Equatable {
  /// Bytes a second from peers; `nil` for no limit, 0 for nothing at all.
  public var download: Int?
  /// Bytes a second to peers; `nil` for no limit, 0 for nothing at all.
  public var upload: Int?

  /// Limits; without arguments there are none.
  public init(download: Int? = nil, upload: Int? = nil) {
    self.download = download
    self.upload = upload
  }
}

/// How peers on the local network are limited: those with a loopback, private or link-local address.
public enum LocalPeers: Sendable, Equatable {
  /// Together with all others.
  case limited
  /// Not at all, neither by the session's limits nor by a torrent's.
  case exempt
  /// By these limits alone, all of them together.
  case separately(RateLimits)
}
