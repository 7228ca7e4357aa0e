public import Addresses

/// How a tracker behaves; times in seconds.
public struct TrackerConfiguration: Sendable {
  /// Where to listen; port 0 takes a free one.
  public var listen: [Endpoint]
  /// How often clients are to announce; see `setInterval`.
  public private(set) var interval: Int
  /// How soon they may announce again; half the interval if `nil`.
  public var minimumInterval: Int?
  /// Peers returned to clients that do not say how many they want.
  public var usualWanted = 50
  /// Peers returned at most.
  public var maximumWanted = 200
  /// Threads an endpoint.
  public var threads = 2
  /// Connections an endpoint.
  public var maximumConnections = 8192
  /// Torrents and peers at most.
  public var limits = SwarmLimits()

  /// Whether it serves HTTP, over TCP.
  public var servesHTTP = true
  /// Whether it serves UDP (BEP 15), on the same ports.
  public var servesUDP = true
  /// Threads for UDP, each with a socket an endpoint; one a processor if `nil`.
  public var udpLoops: Int?
  /// What UDP's connection ids are made from, any text; trackers with the same secret take each other's ids. Random
  /// if `nil`.
  public var connectionSecret: String?

  /// A tracker on `listen`.
  public init(listen: [Endpoint], interval: Int = 1800) {
    self.listen = listen
    self.interval = interval
    setInterval(interval)
  }

  /// Has clients announce so often, from one second to a day, and peers be forgotten 1.5 intervals and a minute
  /// after their last announce.
  public mutating func setInterval(_ seconds: Int) {
    interval = max(1, min(seconds, 86_400))
    limits.peerLifetime = UInt32(interval * 3 / 2 + 60)
  }
}

/// Why a tracker does not start.
public struct TrackerError: Error, Sendable, CustomStringConvertible {
  /// What failed and where, in one line.
  public let description: String
}
