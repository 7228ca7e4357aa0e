public import Metainfo

/// How a session takes part in the DHT (BEP 5).
public struct DHTConfiguration: Sendable {
  /// Whether it does at all. Private torrents never do (BEP 27).
  public var isEnabled = true
  /// Where to enter it while no node is known: names or addresses. Empty by default; peers that run nodes,
  /// torrents that name some and the last run's nodes are used in any case.
  public var routers: [Node] = []
  /// Where the nodes that are known are kept from one run to the next; `nil` for nowhere.
  public var stateFile: String?
  /// Takes part without answering others (BEP 43): for programs that run for moments.
  public var isReadOnly = false
  /// Seconds between two announces of a torrent, give or take a tenth.
  public var announceInterval = 900.0

  /// Seconds after which a torrent without enough peers looks again; doubled each time.
  var firstRetry = 15.0

  /// The defaults.
  public init() {}

  /// Routers that everybody uses, run by those who make the programs: for a user who names none.
  public static let publicRouters = [
    Node(host: "router.bittorrent.com", port: 6881), Node(host: "dht.transmissionbt.com", port: 6881),
    Node(host: "dht.libtorrent.org", port: 25401),
  ]
}
