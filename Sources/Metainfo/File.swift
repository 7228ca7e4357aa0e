public import Digest

/// One file of a torrent.
public struct File: Sendable, Equatable {
  /// What a file is (BEP 47).
  public enum Kind: Sendable, Equatable {
    /// Content.
    case regular(isExecutable: Bool)
    /// Zeros between files that are never stored.
    case padding
    /// A link to another path of the same torrent; components like those of `File.path`.
    case symbolicLink(target: [String])
  }

  /// Safe components under the download folder, the torrent's name first (see docs/NAMES.md). Unique
  /// in the torrent but for padding.
  public let path: [String]
  /// Bytes of content.
  public let length: Int64
  /// Where the file begins in piece space.
  public let offset: Int64
  /// What the file is.
  public internal(set) var kind: Kind
  /// The root of the file's Merkle tree; `nil` in v1 and for files without content (BEP 52).
  public let piecesRoot: SHA256Digest?
  /// The pieces that hold bytes of the file; empty if it has none.
  public let pieces: Range<Int>

  /// Whether the file is padding.
  public var isPadding: Bool { kind == .padding }
  /// Whether the file is a symbolic link.
  public var isSymbolicLink: Bool { if case .symbolicLink = kind { true } else { false } }
}
