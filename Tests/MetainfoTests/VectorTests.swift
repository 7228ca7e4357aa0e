import Digest
import Metainfo
import TestSupport
import Testing

/// Torrents that other programs made of one folder: libtorrent 2.0.8, mktorrent 1.1 and
/// transmission-create 3.00, with the info-hashes that they print themselves.
struct Vector: Sendable, CustomTestStringConvertible {
  let name: String
  let version: TorrentVersion
  let v1: String?
  let v2: String?
  let pieces: Int
  /// Files of content, empty ones counted.
  let files: Int

  var testDescription: String { name }

  static let all = [
    Vector(
      name: "libtorrent-v1", version: .v1, v1: "1c8ee4e0f072d27cd6b341cf958b46f155ee11cf", v2: nil,
      pieces: 12, files: 7),
    Vector(
      name: "libtorrent-v2", version: .v2, v1: nil,
      v2: "3472cf36d5146adf80c2e355dbcfa32171721c7f0d7a93133a0531fbaf9e0505", pieces: 16, files: 7),
    Vector(
      name: "libtorrent-hybrid", version: .hybrid, v1: "9d266fe62a14498dc30df34ceaf12cc0531e0638",
      v2: "5ccc03604407f1d8d301010524f69365aaaeea09d01160016f6fded1a5504343", pieces: 16, files: 7),
    Vector(
      name: "libtorrent-hybrid-tail", version: .hybrid, v1: "b26b0dc927c0925d63f0604ab12abe786772a323",
      v2: "0347e8c3253fc4f72654d7135a475336e08eedbe754bba7d9225ff4e9407bffe", pieces: 16, files: 7),
    Vector(
      name: "libtorrent-links", version: .hybrid, v1: "9e6980649cfb5e43874e96f0c757b27a9df2f2de",
      v2: "0c9ebf393b198df09bac6797df1830cb03c7091187325cdfd599bbbfd21fc659", pieces: 16, files: 9),
    Vector(
      name: "libtorrent-single", version: .hybrid, v1: "ffb61a782d57bdd678294e17f8348c886d41f139",
      v2: "3a7da708034626db55dc3815e7381b8704fbd3babf2e60e53bdc86bf5990f0a3", pieces: 7, files: 1),
    Vector(
      name: "mktorrent", version: .v1, v1: "ed4c631c962eb5a8970d37fee9f774cdc8d09e3a", v2: nil,
      pieces: 12, files: 7),
    Vector(
      name: "transmission", version: .v1, v1: "85238997f3daac6b637a508f8abb062a7e6a47fe", v2: nil,
      pieces: 12, files: 5),
  ]

  func bytes() throws -> [UInt8] {
    let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
    return try ContentFolder.read("/\(folder)/Vectors/\(name).torrent")
  }

  /// The folder that the programs were given.
  static func content() throws -> ContentFolder {
    try ContentFolder(files: [
      TestFile("b.sh", 70000, isExecutable: true), TestFile("sub/a.bin", 100_000),
      TestFile("sub/deep/exact", 16384), TestFile("sub/empty", 0), TestFile("пример/файл.txt", 5),
      TestFile("zz.last", 200_000), TestFile("zzz.empty", 0),
    ])
  }
}

@Suite struct VectorTests {
  @Test(arguments: Vector.all)
  func `torrents of other programs have the info-hashes that they say`(vector: Vector) throws {
    let metainfo = try Metainfo(vector.bytes())
    let info = metainfo.info
    #expect(info.version == vector.version)
    #expect(info.infoHashV1?.description == vector.v1)
    #expect(info.infoHashV2?.description == vector.v2)
    #expect(info.pieceCount == vector.pieces)
    #expect(info.files.filter { !$0.isPadding }.count == vector.files)
    #expect(metainfo.pieceLayers.missing(in: info).isEmpty)
    #expect(info.infoHashes.count == (vector.version == .hybrid ? 2 : 1))
    #expect(info.infoHashes.first == info.infoHash)
  }

  @Test(arguments: Vector.all)
  func `what is written again reads the same`(vector: Vector) throws {
    let metainfo = try Metainfo(vector.bytes())
    let again = try Metainfo(metainfo.encoded())
    #expect(again.info == metainfo.info)
    #expect(again.trackers == metainfo.trackers)
    #expect(again.pieceLayers == metainfo.pieceLayers)
    #expect(again.encoded() == metainfo.encoded())
  }

  @Test(arguments: Vector.all.filter { ["libtorrent-v2", "libtorrent-hybrid"].contains($0.name) })
  func `the same folder gives the same info-hashes as libtorrent`(vector: Vector) throws {
    let folder = try Vector.content()
    let made = try folder.torrent(vector.version, pieceLength: 32768)
    #expect(made.info.infoHashV1?.description == vector.v1)
    #expect(made.info.infoHashV2?.description == vector.v2)
    #expect(made.info == (try Metainfo(vector.bytes()).info))
  }

  @Test func `a single file gives the same info-hashes as libtorrent`() throws {
    // The content goes by the path that the file has in the folder of the other vectors.
    let folder = try ContentFolder(name: "zz.last", files: [TestFile("", 1)])
    try ContentFolder.write(TestFile("zz.last", 200_000).bytes, to: folder.path)
    let made = try folder.torrent(.hybrid, pieceLength: 32768)
    #expect(made.info.infoHashV1?.description == "ffb61a782d57bdd678294e17f8348c886d41f139")
    #expect(
      made.info.infoHashV2?.description
        == "3a7da708034626db55dc3815e7381b8704fbd3babf2e60e53bdc86bf5990f0a3")
  }

  @Test(arguments: Vector.all.filter { !$0.name.hasSuffix("single") })
  func `the pieces of the folder have the hashes of the torrent`(vector: Vector) throws {
    let folder = try Vector.content()
    let metainfo = try Metainfo(vector.bytes())
    let info = metainfo.info
    let hasher = SHA256()
    for piece in 0..<info.pieceCount {
      let bytes = folder.piece(piece, of: info)
      #expect(bytes.count == info.pieceSize(piece))
      if info.version.hasV1 { #expect(SHA1.hash(bytes.rawBytes) == info.v1Hash(piece)) }
      guard info.version.hasV2 else { continue }
      let file = info.files[info.fileIndex(ofPiece: piece)]
      let content = bytes.dropLast(info.padding(inPiece: piece))
      let leaves = stride(from: 0, to: content.count, by: MerkleTree.leafSize).map { start in
        SHA256.hash([UInt8](content.dropFirst(start).prefix(MerkleTree.leafSize)).rawBytes)
      }
      let width = file.pieces.count > 1 ? info.blocksPerPiece : MerkleTree.width(leaves.count)
      let root = MerkleTree.root(leaves: leaves, width: width, hasher: hasher)
      #expect(root == metainfo.pieceLayers.hash(ofPiece: piece, in: info))
    }
  }

  @Test func `links point to files of the torrent however their targets are counted`() throws {
    let vector = try #require(Vector.all.first { $0.name == "libtorrent-links" })
    let info = try Metainfo(vector.bytes()).info
    let links = info.files.filter { $0.isSymbolicLink }
    #expect(links.map { $0.path } == [["content", "link"], ["content", "sub", "up"]])
    #expect(
      links.map { $0.kind } == [
        .symbolicLink(target: ["content", "sub", "a.bin"]), .symbolicLink(target: ["content", "zz.last"]),
      ])
  }

  @Test func `what mktorrent says around the content is read`() throws {
    let vector = try #require(Vector.all.first { $0.name == "mktorrent" })
    let metainfo = try Metainfo(vector.bytes())
    #expect(
      metainfo.trackers == [
        ["http://tracker.example/announce"], ["http://b.example/a", "http://c.example/a"],
      ])
    #expect(metainfo.webSeeds == ["http://seed.example/"])
    #expect(metainfo.info.isPrivate)
    #expect(metainfo.info.source == "here")
    #expect(metainfo.createdBy == "mktorrent 1.1")
  }

  @Test func `what transmission says around the content is read`() throws {
    let vector = try #require(Vector.all.first { $0.name == "transmission" })
    let metainfo = try Metainfo(vector.bytes())
    #expect(metainfo.trackers == [["http://tracker.example/announce"]])
    #expect(metainfo.comment == "a comment")
    #expect(!metainfo.info.isPrivate)
    #expect(try #require(metainfo.creationDate) > 1_600_000_000)
  }
}
