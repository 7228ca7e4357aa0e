import Bencode
import Digest
import Metainfo
import TestSupport
import Testing

/// One thing broken in a torrent that is fine otherwise.
struct Fault: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let version: TorrentVersion
  let error: MetainfoError
  let breakIt: @Sendable (inout Bencode) -> Void

  init(
    _ name: String, _ version: TorrentVersion, _ error: MetainfoError,
    _ breakIt: @escaping @Sendable (inout Bencode) -> Void
  ) {
    testDescription = name
    self.version = version
    self.error = error
    self.breakIt = breakIt
  }

  static func files(_ files: Bencode...) -> @Sendable (inout Bencode) -> Void {
    { $0.change("info", "files", to: .list(files)) }
  }

  static let structure = [
    Fault("no info", .v1, .missing(key: "info")) { $0["info"] = nil },
    Fault("info is text", .v1, .wrongType(key: "info", expected: "a dictionary")) { $0["info"] = "x" },
    Fault("no name", .v1, .missing(key: "name")) { $0.change("info", "name", to: nil) },
    Fault("name is a number", .v1, .wrongType(key: "name", expected: "a string")) {
      $0.change("info", "name", to: 1)
    },
    Fault("no piece length", .v1, .missing(key: "piece length")) {
      $0.change("info", "piece length", to: nil)
    },
    Fault("piece length is text", .v1, .wrongType(key: "piece length", expected: "an integer")) {
      $0.change("info", "piece length", to: "x")
    },
    Fault("piece length 0", .v1, .invalidPieceLength(0)) { $0.change("info", "piece length", to: 0) },
    Fault("piece length negative", .v1, .invalidPieceLength(-16384)) {
      $0.change("info", "piece length", to: -16384)
    },
    Fault("v2 piece length odd", .v2, .invalidPieceLength(16385)) {
      $0.change("info", "piece length", to: 16385)
    },
    Fault("v2 piece length small", .v2, .invalidPieceLength(8192)) {
      $0.change("info", "piece length", to: 8192)
    },
    Fault("meta version 3", .v2, .unsupportedVersion(3)) { $0.change("info", "meta version", to: 3) },
    Fault("file tree without meta version", .v2, .missing(key: "meta version")) {
      $0.change("info", "meta version", to: nil)
    },
    Fault("no file tree", .v2, .missing(key: "file tree")) { $0.change("info", "file tree", to: nil) },
    Fault("no pieces", .v1, .missing(key: "pieces")) { $0.change("info", "pieces", to: nil) },
    Fault("pieces is a number", .v1, .wrongType(key: "pieces", expected: "a string")) {
      $0.change("info", "pieces", to: 4)
    },
    Fault("pieces not of 20", .v1, .invalidPieces(byteCount: 59)) {
      $0.change("info", "pieces", to: .string([UInt8](repeating: 0, count: 59)))
    },
    Fault("too few pieces", .v1, .pieceCountMismatch(expected: 3, found: 2)) {
      $0.change("info", "pieces", to: .string([UInt8](repeating: 0, count: 40)))
    },
    Fault("too many pieces", .v1, .pieceCountMismatch(expected: 3, found: 4)) {
      $0.change("info", "pieces", to: .string([UInt8](repeating: 0, count: 80)))
    },
    Fault("neither files nor length", .v1, .ambiguousFiles) { $0.change("info", "files", to: nil) },
    Fault("files and length", .v1, .ambiguousFiles) { $0.change("info", "length", to: 5) },
    Fault("files is text", .v1, .wrongType(key: "files", expected: "a list")) {
      $0.change("info", "files", to: "x")
    },
    Fault("no files", .v1, .noContent) { $0.change("info", "files", to: []) },
    Fault("only empty files", .v1, .noContent, files(["length": 0, "path": ["a"]])),
    Fault("only padding", .v1, .noContent, files(["attr": "p", "length": 9, "path": ["a"]])),
    Fault("no path", .v1, .emptyPath(index: 0), files(["length": 1])),
    Fault(
      "empty path", .v1, .emptyPath(index: 1),
      files(["length": 1, "path": ["a"]], ["length": 1, "path": []])),
    Fault(
      "a number in a path", .v1, .wrongType(key: "path", expected: "a list of strings"),
      files(["length": 1, "path": ["a", 1]])),
    Fault("no length", .v1, .missing(key: "length"), files(["path": ["a"]])),
    Fault(
      "length is text", .v1, .wrongType(key: "length", expected: "an integer"),
      files(["length": "9", "path": ["a"]])),
    Fault("negative length", .v1, .negativeLength(path: "a/b"), files(["length": -1, "path": ["a", "b"]])),
    Fault(
      "link without a target", .v1, .invalidLink(path: "a"),
      files(["attr": "l", "length": 0, "path": ["a"]])),
    Fault(
      "link with content", .v1, .invalidLink(path: "a"),
      files(["attr": "l", "length": 5, "path": ["a"], "symlink path": ["b"]])),
  ]

  static let tree = [
    Fault("file tree is a list", .v2, .wrongType(key: "file tree", expected: "a dictionary")) {
      $0.change("info", "file tree", to: [])
    },
    Fault("empty file tree", .v2, .noContent) {
      $0.change("info", "file tree", to: [:])
      $0["piece layers"] = nil
    },
    Fault("a file that is a folder as well", .v2, .invalidFileTree(path: "sub")) {
      $0.change("info", "file tree", "sub", "", to: ["length": 0])
    },
    Fault("an entry that is text", .v2, .invalidFileTree(path: "sub")) {
      $0.change("info", "file tree", "sub", to: "x")
    },
    Fault("a file that is text", .v2, .invalidFileTree(path: "large")) {
      $0.change("info", "file tree", "large", "", to: "x")
    },
    Fault("an empty name", .v2, .invalidFileTree(path: "")) {
      $0.change("info", "file tree", "", to: ["length": 1])
    },
    Fault("padding in the tree", .v2, .invalidFileTree(path: "large")) {
      $0.change("info", "file tree", "large", "", "attr", to: "p")
    },
    Fault("no root", .v2, .missingRoot(path: "sub/small")) {
      $0.change("info", "file tree", "sub", "small", "", "pieces root", to: nil)
    },
    Fault("a short root", .v2, .invalidRoot(path: "large")) {
      $0.change("info", "file tree", "large", "", "pieces root", to: "short")
    },
    Fault("one root for two lengths", .v2, .conflictingRoots(path: "sub/small")) {
      let root = $0["info"]?["file tree"]?["large"]?[""]?["pieces root"]
      $0.change("info", "file tree", "sub", "small", "", "pieces root", to: root)
    },
    Fault("a tree out of order", .v2, .unsortedFileTree(path: "a")) {
      let tree = "d1:bd0:d6:lengthi0eee1:ad0:d6:lengthi0eeee"
      $0.change("info", "file tree", to: .raw([UInt8](tree.utf8)))
    },
    Fault("negative length in the tree", .v2, .negativeLength(path: "large")) {
      $0.change("info", "file tree", "large", "", "length", to: -5)
    },
  ]

  static let hybrid = [
    Fault(
      "another name", .hybrid,
      .hybridMismatch(path: "other", reason: "the file tree has 'large' in its place"),
      files(["length": 40000, "path": ["other"]])),
    Fault(
      "another length", .hybrid,
      .hybridMismatch(path: "large", reason: "its lengths are 39999 and 40000"),
      files(["length": 39999, "path": ["large"]])),
    Fault(
      "a file missing from the list", .hybrid,
      .hybridMismatch(path: "sub/small", reason: "it is not in the file list"),
      files(["length": 40000, "path": ["large"]])),
    Fault(
      "a file missing from the tree", .hybrid,
      .hybridMismatch(path: "sub/small", reason: "it is not in the file tree")
    ) { $0.change("info", "file tree", "sub", to: nil) },
    Fault(
      "another order", .hybrid,
      .hybridMismatch(path: "sub/small", reason: "the file tree has 'large' in its place"),
      files(["length": 100, "path": ["sub", "small"]], ["length": 40000, "path": ["large"]])),
    Fault(
      "no padding", .hybrid, .hybridMismatch(path: "sub/small", reason: "it does not begin at a piece"),
      files(["length": 40000, "path": ["large"]], ["length": 100, "path": ["sub", "small"]])),
    Fault(
      "a piece of padding", .hybrid,
      .hybridMismatch(path: ".pad/1", reason: "padding is longer than needed"),
      files(
        ["length": 40000, "path": ["large"]], ["attr": "p", "length": 25536, "path": [".pad", "1"]],
        ["length": 100, "path": ["sub", "small"]])),
    Fault(
      "padding that makes a piece of its own", .hybrid,
      .hybridMismatch(path: ".pad/2", reason: "padding is longer than needed"),
      files(
        ["length": 40000, "path": ["large"]], ["attr": "p", "length": 9152, "path": [".pad", "1"]],
        ["attr": "p", "length": 100, "path": [".pad", "2"]])),
    Fault(
      "a link in one only", .hybrid,
      .hybridMismatch(path: "large", reason: "it is a symbolic link in one and not the other")
    ) {
      let link: Bencode = ["length": 0, "path": ["large"], "attr": "l", "symlink path": ["sub"]]
      $0.change("info", "files", to: [link])
      $0.change("info", "file tree", "large", "", to: ["length": 0])
    },
    Fault("layers of another kind", .hybrid, .wrongType(key: "piece layers", expected: "a dictionary")) {
      $0["piece layers"] = []
    },
  ]
}

@Suite struct FaultTests {
  @Test(arguments: TorrentVersion.allCases)
  func `the torrents to be broken are fine`(version: TorrentVersion) throws {
    let metainfo = try Metainfo(TorrentDictionaries.dictionary(version).encoded())
    #expect(metainfo.info.version == version)
    #expect(metainfo.info.contentLength == 40100)
    #expect(metainfo.pieceLayers.count == (version.hasV2 ? 1 : 0))
  }

  @Test(arguments: Fault.structure + Fault.tree + Fault.hybrid)
  func `each fault has its error`(fault: Fault) {
    var torrent = TorrentDictionaries.dictionary(fault.version)
    fault.breakIt(&torrent)
    #expect(throws: fault.error) { try Metainfo(torrent.encoded()) }
    #expect(!fault.error.description.isEmpty)
  }

  @Test func `layers must hash up to their roots`() throws {
    let good = TorrentDictionaries.dictionary(.v2)
    let layer = TorrentDictionaries.layer(TorrentDictionaries.large)
    let root = MerkleTree.root(leaves: layer, width: 4, hasher: SHA256())

    var bad = good
    let swapped = (layer[1].bytes + layer[0].bytes + layer[2].bytes)
    bad["piece layers"] = .dictionary([root.bytes: .string(swapped)])
    #expect(throws: MetainfoError.layerMismatch(root: root)) { try Metainfo(bad.encoded()) }

    bad["piece layers"] = .dictionary([root.bytes: .string(layer[0].bytes)])
    #expect(throws: MetainfoError.invalidLayer(root: root, expected: 96, found: 32)) {
      try Metainfo(bad.encoded())
    }

    bad["piece layers"] = .dictionary([SHA256Digest.zero.bytes: .string(layer[0].bytes)])
    #expect(throws: MetainfoError.unknownLayer(root: SHA256Digest.zero.description)) {
      try Metainfo(bad.encoded())
    }

    bad["piece layers"] = .dictionary([[1, 2]: .string(layer[0].bytes)])
    #expect(throws: MetainfoError.unknownLayer(root: "0102")) { try Metainfo(bad.encoded()) }

    bad["piece layers"] = nil
    #expect(try Metainfo(bad.encoded()).pieceLayers.count == 0)
  }

  @Test(arguments: Vector.all)
  func `every truncated torrent is an error`(vector: Vector) throws {
    let whole = try vector.bytes()
    for length in stride(from: 0, to: whole.count, by: 7) {
      #expect(throws: MetainfoError.bencode(.truncated(at: length))) {
        try Metainfo([UInt8](whole[..<length]))
      }
    }
    #expect(throws: MetainfoError.bencode(.trailingBytes(at: whole.count))) { try Metainfo(whole + [0]) }
  }

  @Test(arguments: Vector.all)
  func `no flipped byte crashes`(vector: Vector) throws {
    let whole = try vector.bytes()
    var refused = 0
    for position in stride(from: 0, to: whole.count, by: 3) {
      for change: UInt8 in [0x01, 0x10, 0x80] {
        var bytes = whole
        bytes[position] ^= change
        do {
          let info = try Metainfo(bytes).info
          for piece in 0..<min(info.pieceCount, 64) { _ = info.padding(inPiece: piece) }
        } catch {
          refused += 1
        }
      }
    }
    #expect(refused > 100)
  }
}
