public import Metainfo

/// Many torrents that are added together and can be read again at any time. Those that are complete and
/// have no peers are not kept in memory: `read` is called again when somebody wants them.
public struct TorrentBatch: Sendable {
  /// How many there are.
  public var count: Int
  /// What holds for all of them.
  public var options: AddOptions
  /// Reads the torrent with a number below `count`. Called from several threads, where it may block, and
  /// again much later. What it throws is shown to people.
  public var read: @Sendable (Int) throws -> Metainfo

  /// `count` torrents that `read` reads.
  public init(count: Int, options: AddOptions, read: @escaping @Sendable (Int) throws -> Metainfo) {
    self.count = count
    self.options = options
    self.read = read
  }
}

/// A torrent of a batch that could not be added.
public struct BatchFault: Error, Sendable, CustomStringConvertible {
  /// Its number.
  public let number: Int
  /// Why.
  public let description: String
}
