import Bencode
import Bytes
import Digest

/// A torrent of one file of a ``Payload``, made without the code under test; v1 or v2.
public struct TestTorrent: Sendable {
  /// The file's name.
  public let name: String
  /// Bytes of content.
  public let size: Int
  /// Bytes a piece.
  public let pieceLength: Int
  /// The content.
  public let payload: Payload
  /// The torrent file, as a value that a test may spoil.
  public var metainfo: Bencode
  /// The 20 bytes that name the torrent on the wire.
  public private(set) var infoHash: [UInt8]

  /// Makes a torrent; `tracker` becomes its announce URL.
  public init(
    size: Int, pieceLength: Int = 65536, format: TorrentFormat = .v1, tracker: String? = nil, seed: UInt64 = 7
  ) {
    name = "payload.bin"
    self.size = size
    self.pieceLength = pieceLength
    payload = Payload(seed: seed)
    var info: Bencode = ["name": .text(name), "piece length": .integer(Int64(pieceLength))]
    var meta: Bencode = [:]
    if format == .v2 {
      let (root, layer) = TestTorrent.tree(payload, size, pieceLength)
      info["meta version"] = 2
      info["file tree"] = .dictionary([
        Array(name.utf8): ["": ["length": .integer(Int64(size)), "pieces root": .string(root)]]
      ])
      meta["piece layers"] = .dictionary(size > pieceLength ? [root: .string(layer)] : [:])
    } else {
      info["length"] = .integer(Int64(size))
      var hashes: [UInt8] = []
      for start in stride(from: 0, to: size, by: pieceLength) {
        hashes += SHA1.hash(payload.bytes(start..<min(size, start + pieceLength)).rawBytes).bytes
      }
      info["pieces"] = .string(hashes)
    }
    meta["info"] = info
    if let tracker { meta["announce"] = .text(tracker) }
    metainfo = meta
    let encoded = info.encoded()
    infoHash =
      format == .v2
      ? Array(SHA256.hash(encoded.rawBytes).bytes.prefix(20)) : SHA1.hash(encoded.rawBytes).bytes
  }

  /// The same content under another info dictionary of v1, whose names and files may be anything.
  public func renamed(_ info: Bencode) -> TestTorrent {
    var copy = self
    copy.metainfo["info"] = info
    copy.infoHash = SHA1.hash(info.encoded().rawBytes).bytes
    return copy
  }

  /// The number of pieces.
  public var pieceCount: Int { (size + pieceLength - 1) / pieceLength }

  /// Bytes of a piece.
  public func pieceSize(_ piece: Int) -> Int { min(pieceLength, size - piece * pieceLength) }

  /// The bytes of a block.
  public func block(_ piece: Int, _ begin: Int, _ length: Int) -> [UInt8] {
    let start = piece * pieceLength + begin
    return payload.bytes(start..<min(size, start + length))
  }

  /// Writes the torrent file and returns its path.
  @discardableResult
  public func write(to path: String) throws -> String {
    try writeFile(metainfo.encoded(), path)
    return path
  }

  /// Writes the content into `folder`.
  public func writeContent(in folder: String) throws {
    try payload.write(to: folder + "/" + name, size: size)
  }

  /// What is wrong with the content in `folder`: empty if nothing is.
  public func faults(in folder: String) throws -> [String] {
    let found = try readFile(folder + "/" + name)
    if found.count != size { return ["\(found.count) bytes instead of \(size)"] }
    var faults: [String] = []
    for piece in 0..<pieceCount {
      let start = piece * pieceLength
      if !found[start..<(start + pieceSize(piece))].elementsEqual(block(piece, 0, pieceLength)) {
        faults.append("piece \(piece) is wrong")
      }
    }
    return faults
  }

  /// The root of the file's hash tree and the hashes of its pieces (BEP 52).
  private static func tree(_ payload: Payload, _ size: Int, _ pieceLength: Int) -> ([UInt8], [UInt8]) {
    var level: [SHA256Digest] = stride(from: 0, to: size, by: 16384).map { start in
      SHA256.hash(payload.bytes(start..<min(size, start + 16384)).rawBytes)
    }
    var padding = SHA256Digest.zero
    var width = 16384
    var layer: [UInt8] = []
    while true {
      if width == pieceLength { layer = level.flatMap(\.bytes) }
      if level.count == 1, width >= pieceLength || size <= width { break }
      if level.count % 2 == 1 { level.append(padding) }
      level = stride(from: 0, to: level.count, by: 2).map { parent(level[$0], level[$0 + 1]) }
      padding = parent(padding, padding)
      width *= 2
    }
    return (level[0].bytes, layer)
  }

  private static func parent(_ left: SHA256Digest, _ right: SHA256Digest) -> SHA256Digest {
    SHA256.hash((left.bytes + right.bytes).rawBytes)
  }
}
