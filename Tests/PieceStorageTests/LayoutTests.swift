import Bytes
import Glibc
import Metainfo
import PieceStorage
import Testing

@Suite("The files of a torrent on disk")
struct LayoutTests {
  @Test(arguments: TorrentVersion.allCases)
  func piecesWrittenInAnyOrderMakeTheFiles(_ version: TorrentVersion) async throws {
    let rig = try Rig(.awkward(version))
    for piece in (0..<rig.torrent.info.pieceCount).shuffled() {
      #expect(await rig.write(piece) == .written)
    }
    let expected = rig.torrent.contents
    #expect(rig.scratch.names() == expected.keys.map { $0.joined(separator: "/") }.sorted())
    for (path, content) in expected { #expect(rig.scratch.read(path.joined(separator: "/")) == content) }
  }

  @Test(arguments: TorrentVersion.allCases)
  func anyRangeReadsBackAsItWasAndPaddingAsZeros(_ version: TorrentVersion) async throws {
    let rig = try Rig(.awkward(version))
    await rig.writeAll()
    for piece in 0..<rig.torrent.info.pieceCount {
      let bytes = rig.torrent.piece(piece)
      for (offset, length) in [(0, bytes.count), (bytes.count / 3, bytes.count / 2), (bytes.count - 1, 1)] {
        var found = [UInt8](repeating: 0xaa, count: length)
        try found.withUnsafeMutableBytes { try rig.storage.read(piece: piece, offset: offset, into: $0) }
        #expect(found == Array(bytes[offset..<offset + length]))
      }
    }
  }

  @Test func anEmptyFileIsMadeAtTheStartAndOthersAreNot() throws {
    let rig = try Rig(.awkward(.hybrid))
    #expect(rig.scratch.names() == ["folder/a-empty"])
  }

  @Test func aFileIsSparseAndAtItsFullLengthFromTheFirstPiece() async throws {
    let rig = try Rig(
      TestTorrent(.v1, pieceLength: 65536, name: "n", files: [("f", TestTorrent.noise(1 << 22, seed: 1))]))
    _ = await rig.write(63)
    var status = stat()
    stat(rig.scratch.path + "/n/f", &status)
    #expect(status.st_size == 1 << 22)
    #expect(status.st_blocks * 512 < 1 << 20)
  }

  @Test func linksOfTheTorrentAreMadeAndLeadInside() throws {
    let torrent = TestTorrent(
      .v1, pieceLength: 16384, name: "top", files: [("a/file", [1, 2, 3])],
      links: [("b/link", "a/file"), ("here", "a")])
    let rig = try Rig(torrent)
    rig.scratch.write([1, 2, 3], to: "top/a/file")
    #expect(rig.scratch.read("top/b/link") == [1, 2, 3])
    #expect(rig.scratch.read("top/here/file") == [1, 2, 3])
    var target = [UInt8](repeating: 0, count: 100)
    let count = readlink(rig.scratch.path + "/top/b/link", &target, 100)
    #expect(String(decoding: target.prefix(count), as: UTF8.self) == "../a/file")
  }

  @Test func theDownloadFolderAndAllAboveItAreMade() throws {
    let scratch = Scratch()
    let storage = TorrentStorage(info: TestTorrent.awkward(.v1).info, directory: scratch.path + "/x/y/z")
    try storage.prepare()
    #expect(scratch.exists("x/y/z/folder/a-empty"))
  }

  @Test func aFileTooLongIsCutWhenItIsWrittenTo() async throws {
    let rig = try Rig(
      TestTorrent(.v1, pieceLength: 16384, name: "n", files: [("f", TestTorrent.noise(20000, seed: 1))]))
    rig.scratch.write([UInt8](repeating: 1, count: 50000), to: "n/f")
    await rig.writeAll()
    #expect(rig.scratch.read("n/f") == rig.torrent.contents[["n", "f"]])
  }

  @Test(arguments: TorrentVersion.allCases)
  func fewDescriptorsAreEnoughForManyFiles(_ version: TorrentVersion) async throws {
    let files = (0..<40).map { ("f\(100 + $0)", TestTorrent.noise(3000 + $0, seed: UInt64($0))) }
    let openFiles = OpenFiles(limit: 4)
    let rig = try Rig(
      TestTorrent(version, pieceLength: 16384, name: "n", files: files), openFiles: openFiles)
    await rig.writeAll()
    #expect(openFiles.count <= 4)
    #expect(rig.check().isWhole)
    #expect(openFiles.count <= 4)
    rig.storage.close()
    #expect(openFiles.count == 0)
  }
}
