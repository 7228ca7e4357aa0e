import Foundation
import Synchronization

/// libtorrent, through its Python binding (`Tests/Drivers/libtorrent_client.py`).
public final class Libtorrent: Client {
  /// Which program it is.
  public var kind: ClientKind { .libtorrent }
  /// Where it takes connections.
  public let address = TestNetwork.address()
  private let stage: Stage
  private let options: [String]
  private let process = Mutex<ChildProcess?>(nil)

  /// Prepares one; `peers` are told to it directly. With `stock`, it obfuscates its handshakes as it
  /// does when nobody configures it; with `encrypted`, it speaks to nobody who does not encrypt all. It
  /// downloads the files with the numbers `only`, all if there are none. With `isV6` it is on ::1 instead. It enters the DHT through the nodes
  /// `dht`, if there are any; with `utp`, it speaks over uTP only.
  public init(
    on stage: Stage, peers: [TestAddress] = [], stock: Bool = false, encrypted: Bool = false,
    utp: Bool = false,
    only: [Int] = [],
    dht: [TestAddress] = [],
    isV6: Bool = false
  ) {
    self.stage = stage
    var options: [String] = isV6 ? ["--v6"] : []
    for peer in peers { options += ["--peer", "\(peer)"] }
    if stock { options.append("--stock") }
    if encrypted { options.append("--encrypted") }
    if utp { options.append("--utp") }
    for file in only { options += ["--only", "\(file)"] }
    for node in dht { options += ["--dht", "\(node)"] }
    self.options = options
  }

  private static let python = "/usr/bin/python3"
  private static let driver = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Drivers/libtorrent_client.py").path

  /// Starts seeding.
  public func seed(_ torrent: String, in folder: String) throws {
    let started = try stage.start(
      Libtorrent.python, Libtorrent.arguments(torrent, in: folder, at: "\(address)") + options)
    process.withLock { $0 = started }
  }

  /// What starts it, for Python.
  public static func arguments(_ torrent: String, in folder: String, at address: String) -> [String] {
    [driver, "run", torrent, "--dir", folder, "--listen", address]
  }

  /// Starts downloading.
  public func download(_ torrent: String, into folder: String) throws { try seed(torrent, in: folder) }

  /// Whether everything is on disk.
  public func isComplete() throws -> Bool {
    guard let process = process.withLock({ $0 }) else { return false }
    if process.output.contains("finished\n") { return true }
    if let status = process.status { throw TestFailure("libtorrent ended: \(status)") }
    return false
  }

  /// Everything that it has reported.
  public var output: String { process.withLock { $0?.output } ?? "" }

  /// Makes a torrent of `path`; throws if libtorrent refuses.
  public static func create(
    _ path: String, format: TorrentFormat, pieceLength: Int, tracker: String? = nil, webSeed: String? = nil,
    output: String, on stage: Stage
  ) async throws {
    var arguments = [
      "create", path, "--format", format.rawValue, "--piece-length", "\(pieceLength)", "--output", output,
    ]
    if let tracker { arguments += ["--tracker", tracker] }
    if let webSeed { arguments += ["--web-seed", webSeed] }
    try await run(arguments, on: stage)
  }

  /// Writes a copy of a torrent without its piece layers, so that they must come from peers (BEP 52).
  public static func strip(_ torrent: String, output: String, on stage: Stage) async throws {
    try await run(["strip", torrent, "--output", output], on: stage)
  }

  /// What libtorrent reads in a torrent file.
  public static func show(_ torrent: String, on stage: Stage) async throws -> TorrentContents {
    let text = try await run(["show", torrent], on: stage)
    return try JSONDecoder().decode(TorrentContents.self, from: Data(text.utf8))
  }

  /// Asks the DHT, which it enters through `node`, as the driver's `dht` command does; returns what it says.
  public static func dht(_ arguments: [String], through node: TestAddress, on stage: Stage) async throws
    -> String
  {
    try await run(
      ["dht"] + arguments + ["--listen", "\(TestNetwork.address())", "--dht", "\(node)"], on: stage)
  }

  @discardableResult
  private static func run(_ arguments: [String], on stage: Stage) async throws -> String {
    let process = try await stage.run(python, [driver] + arguments)
    guard process.status == .exited(0) else {
      throw TestFailure("libtorrent \(arguments[0]) failed\(process.tail)")
    }
    return process.output
  }
}

/// The formats of torrents, by the names that the command line has for them.
public enum TorrentFormat: String, Sendable, CaseIterable, Codable {
  case v1
  /// v1 with the pad files (BEP 47) that the v1 half of a hybrid torrent has.
  case paddedV1 = "v1-padded"
  case v2
  case hybrid
}

/// What a torrent file says, in the words that the tests compare.
public struct TorrentContents: Codable, Equatable, Sendable {
  /// One file of the torrent, pad files included.
  public struct File: Codable, Equatable, Sendable {
    /// The path, with the torrent's name first if there are several files.
    public var path: String
    /// Bytes.
    public var size: Int
    /// Whether it only aligns the next one (BEP 47).
    public var pad: Bool
  }

  /// The v1 info-hash in hexadecimal.
  public var v1: String?
  /// The v2 info-hash in hexadecimal, whole.
  public var v2: String?
  /// The suggested name.
  public var name: String
  /// Bytes a piece.
  public var pieceLength: Int
  /// The number of pieces.
  public var pieces: Int
  /// All files.
  public var files: [File]
}
