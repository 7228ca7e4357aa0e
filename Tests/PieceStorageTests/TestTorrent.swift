import Bencode
import Bytes
import Digest
import Metainfo

/// A torrent made in memory, and its content.
struct TestTorrent {
  var metainfo: Metainfo
  var contents: [[String]: [UInt8]]

  var info: Info { metainfo.info }
  var layers: PieceLayers { metainfo.pieceLayers }

  /// Files of every awkward size for pieces of `pieceLength`: empty, tiny, exactly a piece, many.
  static func awkward(_ version: TorrentVersion, pieceLength: Int = 32768, name: String = "folder")
    -> TestTorrent
  {
    let sizes: [(String, Int)] = [
      ("a-empty", 0), ("b.bin", 3 * pieceLength + 1), ("c/tiny-1", 1), ("c/tiny-2", 5),
      ("c/tiny-3", 16384), ("d.bin", pieceLength), ("e/deep/big.bin", 5 * pieceLength + 20017),
      ("z-\u{e9}\u{4e2d}", 16385),
    ]
    return TestTorrent(
      version, pieceLength: pieceLength, name: name,
      files: sizes.enumerated().map { ($1.0, TestTorrent.noise($1.1, seed: UInt64($0))) })
  }

  static func noise(_ count: Int, seed: UInt64) -> [UInt8] {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 0x1234_5678
    return [UInt8](unsafeUninitializedCapacity: count + 8) { bytes, filled in
      for offset in stride(from: 0, to: count, by: 8) {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        UnsafeMutableRawBufferPointer(bytes).storeBytes(of: state, toByteOffset: offset, as: UInt64.self)
      }
      filled = count
    }
  }

  /// A torrent of a folder; `files` in the order of their paths. `links`: name and target.
  init(
    _ version: TorrentVersion, pieceLength: Int, name: String, files: [(path: String, content: [UInt8])],
    links: [(path: String, target: String)] = []
  ) {
    var info = Bencode.dictionary([:])
    info["name"] = .text(name)
    info["piece length"] = .integer(Int64(pieceLength))
    var list: [Bencode] = []
    var space: [UInt8] = []
    var tree = Bencode.dictionary([:])
    var layers = PieceLayers()
    var found: [[String]: [UInt8]] = [:]
    for (index, (path, content)) in files.enumerated() {
      let parts = path.split(separator: "/").map(String.init)
      found[[name] + parts] = content
      var entry = Bencode.dictionary([:])
      entry["length"] = .integer(Int64(content.count))
      if version.hasV2, !content.isEmpty {
        let (root, layer) = Self.tree(content, pieceLength)
        entry["pieces root"] = .string(root.bytes)
        if layer.count > 1 { layers[root] = layer }
      }
      Self.insert(entry, at: parts[...], into: &tree)
      entry = .dictionary([:])
      entry["length"] = .integer(Int64(content.count))
      entry["path"] = .list(parts.map { .text($0) })
      list.append(entry)
      space += content
      let rest = space.count % pieceLength
      if version == .hybrid, rest > 0, index + 1 < files.count {
        var pad = Bencode.dictionary([:])
        pad["attr"] = .text("p")
        pad["length"] = .integer(Int64(pieceLength - rest))
        pad["path"] = .list([.text(".pad"), .text("\(pieceLength - rest)")])
        list.append(pad)
        space += [UInt8](repeating: 0, count: pieceLength - rest)
      }
    }
    for (path, target) in links {
      let parts = path.split(separator: "/").map(String.init)
      var entry = Bencode.dictionary([:])
      entry["length"] = .integer(0)
      entry["attr"] = .text("l")
      entry["symlink path"] = .list(target.split(separator: "/").map { .text(String($0)) })
      Self.insert(entry, at: parts[...], into: &tree)
      entry["path"] = .list(parts.map { .text($0) })
      list.append(entry)
    }
    if version.hasV1 {
      info["files"] = .list(list)
      var pieces: [UInt8] = []
      for start in stride(from: 0, to: space.count, by: pieceLength) {
        SHA1.hash(space.rawBytes.extracting(start..<min(space.count, start + pieceLength))).append(
          to: &pieces)
      }
      info["pieces"] = .string(pieces)
    }
    if version.hasV2 {
      info["meta version"] = .integer(2)
      info["file tree"] = tree
    }
    do {
      metainfo = Metainfo(info: try Info(info.encoded()), pieceLayers: layers)
    } catch {
      fatalError("the test's torrent is no torrent: \(error)")
    }
    contents = found
  }

  private static func insert(_ entry: Bencode, at path: ArraySlice<String>, into tree: inout Bencode) {
    guard let first = path.first else {
      tree[""] = entry
      return
    }
    var child = tree[first] ?? .dictionary([:])
    insert(entry, at: path.dropFirst(), into: &child)
    tree[first] = child
  }

  /// The root and the piece layer of a file, the slow and obvious way (BEP 52).
  private static func tree(_ content: [UInt8], _ pieceLength: Int) -> (SHA256Digest, [SHA256Digest]) {
    let hasher = SHA256()
    var row = stride(from: 0, to: content.count, by: 16384).map { start in
      SHA256.hash(content.rawBytes.extracting(start..<min(content.count, start + 16384)))
    }
    while row.count.nonzeroBitCount != 1 || (content.count > pieceLength && row.count < pieceLength / 16384) {
      row.append(.zero)
    }
    let pieces = (content.count + pieceLength - 1) / pieceLength
    var layer: [SHA256Digest] = []
    var width = 16384
    while true {
      if width == pieceLength { layer = Array(row.prefix(pieces)) }
      guard row.count > 1 else { break }
      row = stride(from: 0, to: row.count, by: 2).map { hasher.parent(row[$0], row[$0 + 1]) }
      width *= 2
    }
    return (row[0], layer)
  }

  /// The bytes of a piece as they go over the wire.
  func piece(_ piece: Int) -> [UInt8] {
    info.segments(piece: piece, offset: 0, length: info.pieceSize(piece)).flatMap { segment -> [UInt8] in
      guard !segment.isPadding, let content = contents[info.files[segment.file].path] else {
        return [UInt8](repeating: 0, count: segment.length)
      }
      return Array(content[Int(segment.fileOffset)..<Int(segment.fileOffset) + segment.length])
    }
  }

  func file(_ path: String) -> Int {
    info.files.firstIndex { $0.path == [info.name] + path.split(separator: "/").map(String.init) } ?? -1
  }
}
