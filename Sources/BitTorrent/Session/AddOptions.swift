public import Addresses
public import Metainfo
import PieceStorage

/// How a torrent is added to a session.
public struct AddOptions: Sendable {
  /// The folder that the torrent's files are in, or will be.
  public var directory: String
  /// Peers that are known from the start.
  public var peers: [Endpoint] = []
  /// How much each file is wanted, by its index; `nil` if all are as usual. A file without an entry is not.
  public var priorities: [FilePriority]?
  /// Whether pieces of the same priority are fetched in their order, instead of the rarest first. That is worse
  /// for the swarm, and often slower.
  public var isSequential = false
  /// Asked for the priorities, with `nil` for what the magnet link says or else `priorities`, once the info
  /// dictionary of a magnet link is here. What it throws stops the torrent and is shown to people. Runs on a disk
  /// thread, where it may block.
  public var choose: (@Sendable (Info) throws -> [FilePriority]?)?
  /// Whether a magnet link is only to become known, for `TorrentHandle.metainfo()`: nothing is downloaded and no
  /// file touched.
  public var isMetadataOnly = false
  /// How fast the torrent's payload may move, within the session's limits; none by default.
  public var limits = RateLimits()

  /// Makes file operations fail, for tests of what happens then.
  var faults: FaultInjection?

  /// All files, into `directory`.
  public init(directory: String) { self.directory = directory }

  /// Which files are wanted, by their index; `nil` for all. Setting it makes the wanted ones `.normal`.
  public var wanted: [Bool]? {
    get { priorities?.map { $0 != .unwanted } }
    set { priorities = newValue?.map { $0 ? .normal : .unwanted } }
  }
}
