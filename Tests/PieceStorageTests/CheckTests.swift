import Bytes
import EventLoop
import Glibc
import Metainfo
import PieceStorage
import Synchronization
import Testing

@Suite("Checking what is on disk")
struct CheckTests {
  private func laidOut(_ torrent: TestTorrent) throws -> Rig {
    let scratch = Scratch()
    for (path, content) in torrent.contents { scratch.write(content, to: path.joined(separator: "/")) }
    return try Rig(torrent, scratch)
  }

  @Test(arguments: TorrentVersion.allCases, [16384, 32768, 1 << 20])
  func wholeContentIsWhole(_ version: TorrentVersion, _ pieceLength: Int) throws {
    let rig = try laidOut(.awkward(version, pieceLength: pieceLength))
    let report = rig.check()
    #expect(report.isWhole)
    #expect(report.good.isFull)
  }

  @Test(arguments: TorrentVersion.allCases)
  func oneWrongByteIsFoundWithItsPieceAndFile(_ version: TorrentVersion) throws {
    let torrent = TestTorrent.awkward(version)
    let rig = try laidOut(torrent)
    rig.scratch.damage("folder/e/deep/big.bin", at: 3 * 32768)
    let file = torrent.file("e/deep/big.bin")
    let report = rig.check()
    #expect(report.damaged.count == 1)
    #expect(torrent.info.files[file].pieces.contains(report.damaged[0]))
    #expect(report.files.contains(FileFault(file: file, reason: .damaged(pieces: 1))))
    #expect(report.good.ones == torrent.info.pieceCount - 1)
  }

  @Test(arguments: TorrentVersion.allCases)
  func missingShortLongAndStrangeFilesAreNamed(_ version: TorrentVersion) throws {
    let torrent = TestTorrent.awkward(version)
    let rig = try laidOut(torrent)
    let root = rig.scratch.path + "/folder/"
    unlink(root + "d.bin")
    unlink(root + "a-empty")
    truncate(root + "b.bin", 32768)
    truncate(root + "z-\u{e9}\u{4e2d}", 20000)
    unlink(root + "c/tiny-2")
    mkdir(root + "c/tiny-2", 0o755)
    let reasons = Dictionary(uniqueKeysWithValues: rig.check().files.map { ($0.file, $0.reason) })
    #expect(reasons[torrent.file("d.bin")] == .missing)
    #expect(reasons[torrent.file("a-empty")] == .missing)
    #expect(reasons[torrent.file("b.bin")] == .short(32768))
    #expect(reasons[torrent.file("z-\u{e9}\u{4e2d}")] == .long(20000))
    #expect(reasons[torrent.file("c/tiny-2")] == .notAFile)
    #expect(rig.check().good[0])
  }

  @Test(arguments: TorrentVersion.allCases)
  func holesAreBadUnlessTheContentIsZeros(_ version: TorrentVersion) throws {
    let zeros = [UInt8](repeating: 0, count: 1 << 20)
    let torrent = TestTorrent(
      version, pieceLength: 65536, name: "n",
      files: [("a", TestTorrent.noise(1 << 20, seed: 2)), ("b", zeros), ("c", [UInt8](zeros.prefix(70000)))])
    let scratch = Scratch()
    scratch.makeFolders(for: "n/a")
    for (name, size) in [("a", 1 << 20), ("b", 1 << 20), ("c", 70000)] {
      close(open("\(scratch.path)/n/\(name)", O_CREAT | O_WRONLY, 0o644))
      truncate("\(scratch.path)/n/\(name)", off_t(size))
    }
    // Pieces of zeros must not be read.
    let rig = try Rig(torrent, scratch) { operation, _ in operation == .read ? EIO : 0 }
    let report = rig.check()
    #expect(report.damaged == Array(torrent.info.files[torrent.file("a")].pieces))
    #expect(report.files == [FileFault(file: torrent.file("a"), reason: .damaged(pieces: 16))])
  }

  @Test func somePiecesOnlyAreReadIfAskedFor() throws {
    let torrent = TestTorrent.awkward(.v2)
    let rig = try laidOut(torrent)
    var some = Bitfield(count: torrent.info.pieceCount)
    some[1] = true
    some[5] = true
    let report = rig.check(some)
    #expect(report.good.indices == [1, 5])
    #expect(report.isWhole)
    rig.scratch.damage("folder/b.bin", at: 40000)
    #expect(rig.check(some).damaged == [1])
  }

  @Test func anUnreadableFileIsNamedWithTheReason() throws {
    let torrent = TestTorrent.awkward(.v2)
    let scratch = Scratch()
    for (path, content) in torrent.contents { scratch.write(content, to: path.joined(separator: "/")) }
    let rig = try Rig(torrent, scratch) { operation, path in
      operation == .read && path == "folder/d.bin" ? EIO : 0
    }
    let file = torrent.file("d.bin")
    #expect(
      rig.check().files == [
        FileFault(file: file, reason: .unreadable(.io(path: scratch.path + "/folder/d.bin", code: EIO)))
      ])
    #expect(rig.check().damaged == Array(torrent.info.files[file].pieces))
  }

  @Test func progressGrowsToTheWhole() throws {
    let torrent = TestTorrent(
      .v1, pieceLength: 65536, name: "n", files: [("a", TestTorrent.noise(9 << 20, seed: 2))])
    let rig = try laidOut(torrent)
    let seen = Mutex<[Int64]>([])
    let check = PieceCheck(rig.storage, layers: torrent.layers) { progress in
      seen.withLock { $0.append(progress.done) }
      #expect(progress.total == 9 << 20)
    }
    #expect(check.run(threads: 2).isWhole)
    #expect(seen.withLock { $0.max() } == 9 << 20)
    #expect(seen.withLock { $0.count } >= 9)
  }

  @Test func onAPoolItReportsToALoop() async throws {
    let torrent = TestTorrent.awkward(.hybrid, pieceLength: 1 << 20)
    let rig = try laidOut(torrent)
    let report = await withCheckedContinuation { continuation in
      PieceCheck(rig.storage, layers: torrent.layers).start(on: rig.pool, width: 2, loop: rig.loop) {
        continuation.resume(returning: $1)
      }
    }
    #expect(report.isWhole && report.good.isFull)
  }

  @Test func aCancelledCheckEnds() async throws {
    let torrent = TestTorrent.awkward(.v1, pieceLength: 1 << 20)
    let rig = try laidOut(torrent)
    let check = PieceCheck(rig.storage, layers: torrent.layers)
    check.cancel()
    let report = await withCheckedContinuation { continuation in
      check.start(on: rig.pool, width: 2, loop: rig.loop) { continuation.resume(returning: $1) }
    }
    #expect(report.good.isEmpty)
  }

  @Test func v2PiecesWithoutAKnownHashAreNotGood() throws {
    let torrent = TestTorrent.awkward(.v2)
    let rig = try laidOut(torrent)
    let report = PieceCheck(rig.storage, layers: PieceLayers()).run(threads: 1)
    let known = torrent.info.files.filter { $0.pieces.count == 1 }.map { $0.pieces.lowerBound }
    #expect(report.good.indices == known)
  }
}
