public import Addresses
public import Digest

/// What a torrent is doing.
public enum TorrentState: Sendable, Equatable {
  /// The torrent is known by its magnet link only; the part of the info dictionary that is here, 0 to 1.
  case fetchingMetadata(Double)
  /// Files on disk are being compared with the hashes; the part done, 0 to 1.
  case checking(Double)
  /// Wanted pieces are missing.
  case downloading
  /// All that is wanted is here and durable.
  case seeding
  /// It stopped because of a fault that a person must look at; `retry` goes on.
  case stopped(reason: String)
}

/// What moved between us and one peer, also after it has gone.
public struct PeerTraffic: Sendable, Equatable {
  /// The peer's address; its listening one where it is known.
  public var endpoint: Endpoint
  /// For a web seed the host, and port, of its URL; `nil` for peers. A web seed has no `endpoint`.
  public var host: String?
  /// What carried it, the last time.
  public var transport: PeerTransport
  /// Its program, as far as it says.
  public var client: String
  /// Payload bytes that came from it.
  public var downloaded: Int64
  /// Payload bytes that went to it.
  public var uploaded: Int64
  /// Whether all that was spoken was encrypted (MSE with RC4; for a web seed TLS).
  public var isEncrypted: Bool

  /// Whether both are about the same peer.
  func isSame(as other: PeerTraffic) -> Bool { endpoint == other.endpoint && host == other.host }
}

/// What was done with leaf hashes of v2 (BEP 52) since a torrent was added.
public struct LeafCounts: Sendable, Equatable {
  /// Requests for the leaf hashes of a piece that were sent.
  public var requests = 0
  /// Answers to them whose proof held.
  public var answers = 0
  /// Requests of peers for leaf hashes that were answered.
  public var served = 0
  /// Of those, the ones for which a piece had to be read and hashed.
  public var readings = 0
  /// Blocks that were compared with their leaf hash before their piece was whole.
  public var blocks = 0
  /// Blocks that a leaf hash showed to be wrong.
  public var badBlocks = 0
}

/// A torrent at one moment.
public struct TorrentStatus: Sendable {
  /// The torrent's name.
  public var name: String
  /// What it is found by.
  public var infoHash: InfoHash
  /// What it is doing.
  public var state: TorrentState
  /// Pieces in all.
  public var pieces: Int
  /// Pieces that are here and durable.
  public var piecesHave: Int
  /// Bytes of the files that are wanted.
  public var wantedBytes: Int64
  /// Of those, the bytes that are verified.
  public var doneBytes: Int64
  /// Payload received since it was added, wasted bytes included.
  public var downloaded: Int64
  /// Payload sent since it was added.
  public var uploaded: Int64
  /// Payload received that was not needed or failed its hash.
  public var wasted: Int64
  /// Pieces that failed their hash.
  public var failedPieces: Int
  /// Pieces that were read from disk and hashed when the torrent was added.
  public var checkedPieces: Int
  /// Leaf hashes asked for and given, and what was compared with them (BEP 52).
  public var leaves: LeafCounts
  /// Bytes a second coming in.
  public var downRate: Double
  /// Bytes a second going out.
  public var upRate: Double
  /// Connections that are open, web seeds in use included.
  public var peers: Int
  /// Of those, peers that are complete.
  public var seeds: Int
  /// What the tracker said last, if it was not well.
  public var trackerMessage: String?
  /// Which web seed could not be used last, and why.
  public var webSeedMessage: String?
  /// Peers that payload was exchanged with.
  public var peerTraffic: [PeerTraffic]
  /// How many connections ended for which reason, in words.
  public var endedConnections: [String: Int]
}
