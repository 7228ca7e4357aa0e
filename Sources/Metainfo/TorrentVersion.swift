/// Which BitTorrent a torrent speaks: BEP 3, BEP 52, or both over the same files.
public enum TorrentVersion: String, Sendable, CaseIterable {
  /// SHA-1 over pieces of all files in a row (BEP 3).
  case v1
  /// SHA-256 Merkle trees, one a file (BEP 52).
  case v2
  /// Both; v1 reads the files with padding between them.
  case hybrid

  /// Whether there are SHA-1 piece hashes.
  public var hasV1: Bool { self != .v2 }
  /// Whether there are Merkle roots.
  public var hasV2: Bool { self != .v1 }
}
