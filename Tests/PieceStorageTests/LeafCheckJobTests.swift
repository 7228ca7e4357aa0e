import Bytes
import Digest
import EventLoop
import Metainfo
import PieceStorage
import Testing

@Suite("Leaf checks on disk threads")
struct LeafCheckJobTests {
  private static let formats = [TorrentVersion.v2, .hybrid]

  private static func torrent(_ version: TorrentVersion) -> TestTorrent {
    TestTorrent(
      version, pieceLength: 131_072, name: "n", files: [("f", TestTorrent.noise(300_000, seed: 3))])
  }

  private func check(
    _ rig: Rig, _ piece: Int, _ bytes: [UInt8], blocks: [Int]
  ) async -> [Int] {
    let content = rig.torrent.piece(piece)
    let length = PieceExpectation.treeLength(piece: piece, info: rig.torrent.info)
    let leaves = stride(from: 0, to: length, by: 16384).map { start in
      SHA256.hash(content.rawBytes.extracting(start..<min(length, start + 16384)))
    }
    guard let buffer = rig.buffers.take(bytes.count) else { fatalError("no memory") }
    buffer.store(bytes.rawBytes, at: 0)
    return await withCheckedContinuation { continuation in
      rig.pool.submit(
        LeafCheck(
          piece: piece, blocks: blocks, buffer: buffer, leaves: leaves, treeLength: length, loop: rig.loop
        ) { continuation.resume(returning: $1.bad) })
    }
  }

  @Test(arguments: formats)
  func theBlocksThatDifferAreNamedAndNoOthers(_ version: TorrentVersion) async throws {
    let rig = try Rig(Self.torrent(version))
    for piece in 0..<rig.torrent.info.pieceCount {
      let good = rig.torrent.piece(piece)
      let length = PieceExpectation.treeLength(piece: piece, info: rig.torrent.info)
      let all = Array(0..<(length + 16383) / 16384)
      #expect(await check(rig, piece, good, blocks: all) == [])
      for bad in all {
        var bytes = good
        // The last byte of content; what follows is padding and none of its business.
        bytes[min(length, (bad + 1) * 16384) - 1] ^= 1
        #expect(await check(rig, piece, bytes, blocks: all) == [bad])
        #expect(await check(rig, piece, bytes, blocks: all.filter { $0 != bad }) == [])
        let every = all.filter { $0 % 2 == bad % 2 }
        #expect(await check(rig, piece, bytes, blocks: every) == [bad])
      }
    }
  }

  /// A piece that is given up while a disk thread reads it.
  @Test func theMemoryLivesAsLongAsTheCheck() async throws {
    let rig = try Rig(Self.torrent(.v2))
    let pool = PieceBufferPool(limit: 131_072)
    let (gate, entered) = (Gate(), Gate())
    let busy = (0..<2).map { _ in
      DiskWork(on: rig.loop) { _ -> Bool in
        entered.open()
        gate.wait()
        return true
      } then: { _, _ in
      }
    }
    for job in busy { rig.pool.submit(job) }
    entered.wait()
    let bytes = rig.torrent.piece(0)
    let leaves = stride(from: 0, to: bytes.count, by: 16384).map {
      SHA256.hash(bytes.rawBytes.extracting($0..<$0 + 16384))
    }
    let bad = await withCheckedContinuation { (continuation: CheckedContinuation<[Int], Never>) in
      func submit() {
        guard let buffer = pool.take(bytes.count) else { fatalError("no memory") }
        buffer.store(bytes.rawBytes, at: 0)
        rig.pool.submit(
          LeafCheck(
            piece: 0, blocks: [0, 1, 5], buffer: buffer, leaves: leaves, treeLength: bytes.count,
            loop: rig.loop
          ) { continuation.resume(returning: $1.bad) })
      }
      submit()
      // Only the job holds it now: nobody else gets it and writes there.
      #expect(pool.take(131_072) == nil)
      gate.open()
    }
    #expect(bad == [])
  }

  /// A block that passed is not hashed again: a fault that comes later is not seen by v2, but by SHA-1.
  @Test(arguments: formats)
  func checkedLeavesAreNotHashedAgain(_ version: TorrentVersion) async throws {
    let rig = try Rig(Self.torrent(version))
    for piece in [0, rig.torrent.info.pieceCount - 1] {
      let length = PieceExpectation.treeLength(piece: piece, info: rig.torrent.info)
      let count = (length + 16383) / 16384
      for checked in 0..<count {
        var marks = Bitfield(count: count)
        marks[checked] = true
        var bytes = rig.torrent.piece(piece)
        bytes[checked * 16384] ^= 1
        let outcome = await rig.job(piece, bytes: bytes, leaves: true) { $0.checkedLeaves = marks }.outcome
        #expect(outcome == (version == .v2 ? .written : .mismatch(badBlocks: [])))
        // Any other block is hashed.
        let other = (checked + 1) % count
        guard other != checked else { continue }
        bytes = rig.torrent.piece(piece)
        bytes[other * 16384] ^= 1
        let bad = await rig.job(piece, bytes: bytes, leaves: true) { $0.checkedLeaves = marks }.outcome
        #expect(bad == .mismatch(badBlocks: [other]))
      }
      let all = Bitfield(count: count, allSet: true)
      let good = await rig.job(piece, leaves: true) { $0.checkedLeaves = all }
      #expect(good.outcome == .written)
    }
  }

  @Test(arguments: formats)
  func aGoodPieceTellsItsLeaves(_ version: TorrentVersion) async throws {
    let rig = try Rig(Self.torrent(version))
    for piece in 0..<rig.torrent.info.pieceCount {
      let bytes = rig.torrent.piece(piece)
      let length = PieceExpectation.treeLength(piece: piece, info: rig.torrent.info)
      let write = await rig.job(piece)
      #expect(
        write.leaves
          == stride(from: 0, to: length, by: 16384).map {
            SHA256.hash(bytes.rawBytes.extracting($0..<min(length, $0 + 16384)))
          })
      var wrong = bytes
      wrong[7] ^= 1
      #expect(await rig.job(piece, bytes: wrong).leaves == [])
    }
  }
}
