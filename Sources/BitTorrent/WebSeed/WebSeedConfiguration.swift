/// How web seeds are used (BEP 19). The defaults are polite to a small server.
public struct WebSeedConfiguration: Sendable {
  /// Whether they are used at all.
  public var isEnabled = true
  /// Web seeds of one torrent that are used at the same time.
  public var maximumActive = 4
  /// Requests that one of them has under way at the same time, each on a connection that is kept: while one
  /// is being answered, the others are on their way.
  public var maximumRequests = 4
  /// Seconds for a connection to come up.
  public var connectTimeout = 10.0
  /// Seconds without a block, after which it is set aside.
  public var stallTimeout = 30.0
  /// Redirects that are followed.
  public var maximumRedirects = 5
  /// Seconds that one is left alone for after its first fault; twice as long after each further one.
  public var firstPause = 5.0
  /// Seconds that one is left alone for at most, and after a fault that time will hardly mend.
  public var longestPause = 3600.0

  /// The defaults.
  public init() {}
}
