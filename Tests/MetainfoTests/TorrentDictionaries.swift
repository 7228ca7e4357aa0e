import Bencode
import Bytes
import Digest
import Metainfo
import TestSupport

/// Small valid torrents to break one thing of.
enum TorrentDictionaries {
  static let pieceLength = 16384
  /// Two pieces and a bit.
  static let large = TestFile("large", 40000)
  static let small = TestFile("small", 100)

  static func dictionary(_ version: TorrentVersion) -> Bencode {
    var info: Bencode = ["name": "torrent", "piece length": .integer(Int64(pieceLength))]
    var torrent: Bencode = ["announce": "http://tracker.example/announce"]
    switch version {
    case .v1:
      info["files"] = [
        ["length": 40000, "path": ["large"]], ["length": 100, "path": ["sub", "small"]],
      ]
      info["pieces"] = .string([UInt8](repeating: 7, count: 60))
    case .hybrid:
      info["files"] = [
        ["length": 40000, "path": ["large"]], ["attr": "p", "length": 9152, "path": [".pad", "9152"]],
        ["length": 100, "path": ["sub", "small"]],
      ]
      info["pieces"] = .string([UInt8](repeating: 7, count: 80))
    case .v2: break
    }
    if version.hasV2 {
      info["meta version"] = 2
      let layer = Self.layer(large)
      let root = MerkleTree.root(leaves: layer, width: 4, hasher: SHA256())
      info["file tree"] = [
        "large": ["": ["length": 40000, "pieces root": .string(root.bytes)]],
        "sub": ["small": ["": ["length": 100, "pieces root": .string(Self.layer(small)[0].bytes)]]],
      ]
      torrent["piece layers"] = .dictionary([root.bytes: .string(layer.flatMap { $0.bytes })])
    }
    torrent["info"] = info
    return torrent
  }

  /// The hashes of a file's blocks, which are its pieces here.
  static func layer(_ file: TestFile) -> [SHA256Digest] {
    stride(from: 0, to: file.length, by: MerkleTree.leafSize).map { start in
      SHA256.hash([UInt8](file.bytes.dropFirst(start).prefix(MerkleTree.leafSize)).rawBytes)
    }
  }

  /// A torrent of files that are named but have no meaningful hashes.
  static func named(_ paths: [[[UInt8]]], name: [UInt8] = [UInt8]("torrent".utf8)) -> [UInt8] {
    let files = paths.map { path in
      ["length": 1, "path": .list(path.map { Bencode.string($0) })] as Bencode
    }
    let torrent: Bencode = [
      "info": [
        "name": .string(name), "piece length": 16384, "files": .list(files),
        "pieces": .string([UInt8](repeating: 0, count: 20)),
      ]
    ]
    return torrent.encoded()
  }
}

extension Bencode {
  /// Changes the value under a path of keys.
  mutating func change(_ keys: String..., to value: Bencode?) { change(keys[...], to: value) }

  private mutating func change(_ keys: ArraySlice<String>, to value: Bencode?) {
    guard let first = keys.first else { return }
    if keys.count == 1 {
      self[first] = value
    } else {
      var inner = self[first] ?? [:]
      inner.change(keys.dropFirst(), to: value)
      self[first] = inner
    }
  }
}
