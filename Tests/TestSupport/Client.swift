import Testing

/// A BitTorrent program that a test drives: it seeds one torrent or downloads one.
public protocol Client: Sendable {
  /// Which program it is.
  var kind: ClientKind { get }
  /// Where it takes connections from peers.
  var address: TestAddress { get }
  /// Starts it with a torrent whose content is complete in `folder`.
  func seed(_ torrent: String, in folder: String) async throws
  /// Starts it with a torrent to be fetched into `folder`.
  func download(_ torrent: String, into folder: String) async throws
  /// Whether the download has everything on disk. Throws if it never will.
  func isComplete() async throws -> Bool
}

/// The programs that are tested against each other.
public enum ClientKind: String, Sendable, CaseIterable, CustomTestStringConvertible {
  case apus
  case libtorrent
  case aria2
  case transmission

  /// A client of that kind, with an address of its own, that ends with the stage.
  public func make(on stage: Stage) -> any Client {
    switch self {
    case .apus: ApusClient(on: stage)
    case .libtorrent: Libtorrent(on: stage)
    case .aria2: Aria2(on: stage)
    case .transmission: TransmissionDaemon(on: stage)
    }
  }

  /// A client of that kind that reaches a tracker by `route`; `nil` if it cannot, or not here.
  public func make(on stage: Stage, by route: TrackerRoute) -> (any Client)? {
    switch (self, route) {
    case (.apus, _): ApusClient(on: stage, isV6: route.isV6)
    case (.libtorrent, _): Libtorrent(on: stage, isV6: route.isV6)
    // aria2 asks UDP trackers through the socket of its DHT, over IPv4.
    case (.aria2, .udp): Aria2(on: stage, dht: TestNetwork.address())
    case (_, .http), (.transmission, .udp): make(on: stage)
    default: nil
    }
  }

  /// The kind's name.
  public var testDescription: String { rawValue }

  /// Whether it can run here at all.
  public var isAvailable: Bool { self != .transmission || TestNetwork.isIsolated }

  /// The formats of torrents that it can open. Every file tree of BEP 52 contains an empty key:
  /// Transmission 3.00 calls such a torrent corrupt, and aria2 1.36.0 loses the key and then announces
  /// an info-hash that nobody else has (its issue 1903), so that neither can take part in a hybrid swarm.
  public var formats: [TorrentFormat] {
    switch self {
    case .apus, .libtorrent: TorrentFormat.allCases
    case .aria2, .transmission: [.v1, .paddedV1]
    }
  }

  /// Whether it makes the files of a torrent that have no bytes. Transmission 3.00 does not.
  public var makesEmptyFiles: Bool { self != .transmission }
}
