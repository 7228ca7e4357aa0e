public import Addresses
public import Metainfo
import PieceStorage

/// How a torrent is added to a session.
public struct AddOptions: Sendable {
  /// The folder that the torrent's files are in, or will be.
  public var directory: String
  /// Peers that are known from the start.
  public var peers: [Endpoint] = []
  /// Which files are wanted, by their index; `nil` for all.
  public var wanted: [Bool]?
  /// Asked for the wanted files, with `nil` for what the magnet link says or else `wanted`, once the info
  /// dictionary of a magnet link is here. What it throws stops the torrent and is shown to people. Runs on a disk
  /// thread, where it may block.
  public var choose: (@Sendable (Info) throws -> [Bool]?)?
  /// Whether a magnet link is only to become known, for `TorrentHandle.metainfo()`: nothing is downloaded and no
  /// file touched.
  public var isMetadataOnly = false
  /// How fast the torrent's payload may move, within the session's limits; none by default.
  public var limits = RateLimits()

  /// Makes file operations fail, for tests of what happens then.
  var faults: FaultInjection?

  /// All files, into `directory`.
  public init(directory: String) { self.directory = directory }
}
