public import Addresses
public import Digest

/// What a torrent is doing.
public enum TorrentState: Sendable, Equatable {
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
  /// What carried it, the last time.
  public var transport: PeerTransport
  /// Its program, as far as it says.
  public var client: String
  /// Payload bytes that came from it.
  public var downloaded: Int64
  /// Payload bytes that went to it.
  public var uploaded: Int64
  /// Whether all that was spoken was encrypted (MSE with RC4).
  public var isEncrypted: Bool
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
  /// Bytes a second coming in.
  public var downRate: Double
  /// Bytes a second going out.
  public var upRate: Double
  /// Connections that are open.
  public var peers: Int
  /// Of those, peers that are complete.
  public var seeds: Int
  /// What the tracker said last, if it was not well.
  public var trackerMessage: String?
  /// Peers that payload was exchanged with.
  public var peerTraffic: [PeerTraffic]
  /// How many connections ended for which reason, in words.
  public var endedConnections: [String: Int]
}
