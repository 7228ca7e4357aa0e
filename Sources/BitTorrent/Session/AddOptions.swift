public import Addresses
import PieceStorage

/// How a torrent is added to a session.
public struct AddOptions: Sendable {
  /// The folder that the torrent's files are in, or will be.
  public var directory: String
  /// Peers that are known from the start.
  public var peers: [Endpoint] = []
  /// Which files are wanted, by their index; `nil` for all.
  public var wanted: [Bool]?
  /// How fast the torrent's payload may move, within the session's limits; none by default.
  public var limits = RateLimits()

  /// Makes file operations fail, for tests of what happens then.
  var faults: FaultInjection?

  /// All files, into `directory`.
  public init(directory: String) { self.directory = directory }
}
