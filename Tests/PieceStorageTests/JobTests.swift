import Bytes
import Digest
import EventLoop
import Glibc
import Metainfo
import PieceStorage
import Synchronization
import Testing

@Suite("Jobs on disk threads")
struct JobTests {
  @Test(arguments: TorrentVersion.allCases)
  func aWrongByteAnywhereIsAMismatchAndNothingIsWritten(_ version: TorrentVersion) async throws {
    let rig = try Rig(.awkward(version))
    let info = rig.torrent.info
    for piece in 0..<info.pieceCount {
      let content = rig.torrent.piece(piece).count - info.padding(inPiece: piece)
      for position in [0, content / 2, content - 1] {
        var bytes = rig.torrent.piece(piece)
        bytes[position] ^= 1
        #expect(await rig.write(piece, bytes: bytes) == .mismatch(badBlocks: []))
      }
    }
    #expect(rig.scratch.names() == ["folder/a-empty"])
  }

  @Test(arguments: [TorrentVersion.v2, .hybrid])
  func knownLeavesNameTheBadBlocks(_ version: TorrentVersion) async throws {
    let torrent = TestTorrent(
      version, pieceLength: 131_072, name: "n", files: [("f", TestTorrent.noise(300_000, seed: 3))])
    let rig = try Rig(torrent)
    var bytes = torrent.piece(1)
    bytes[2 * 16384] ^= 1
    bytes[7 * 16384 + 16383] ^= 1
    let job = await rig.job(1, bytes: bytes, leaves: true)
    #expect(job.outcome == .mismatch(badBlocks: [2, 7]))
    #expect(job.blockDigests.count == 8)
  }

  @Test(arguments: TorrentVersion.allCases)
  func blockDigestsTellWhichBlocksDiffered(_ version: TorrentVersion) async throws {
    let torrent = TestTorrent(
      version, pieceLength: 65536, name: "n", files: [("f", TestTorrent.noise(65536 + 20000, seed: 3))])
    let rig = try Rig(torrent)
    for piece in 0..<2 {
      var bytes = torrent.piece(piece)
      bytes[16384 + 5] ^= 1
      let bad = await rig.job(piece, bytes: bytes)
      let good = await rig.job(piece) { $0.wantsBlockDigests = true }
      #expect(good.outcome == .written)
      #expect(good.blockDigests.count == (torrent.piece(piece).count + 16383) / 16384)
      #expect(good.blockDigests.indices.filter { good.blockDigests[$0] != bad.blockDigests[$0] } == [1])
      #expect(good.blockDigests[0] == SHA256.hash(torrent.piece(piece).rawBytes.extracting(0..<16384)))
    }
  }

  @Test func whatArrivesForPaddingDoesNotMatter() async throws {
    let rig = try Rig(.awkward(.hybrid))
    let piece = (0..<rig.torrent.info.pieceCount).first { rig.torrent.info.padding(inPiece: $0) > 0 } ?? 0
    var bytes = rig.torrent.piece(piece)
    bytes[bytes.count - 1] = 0xff
    #expect(await rig.write(piece, bytes: bytes) == .written)
  }

  @Test(arguments: TorrentVersion.allCases)
  func blocksAreReadAsTheyGoOverTheWire(_ version: TorrentVersion) async throws {
    let rig = try Rig(.awkward(version))
    await rig.writeAll()
    let info = rig.torrent.info
    var wanted: [(Int, Int, Int)] = []
    for piece in 0..<info.pieceCount {
      for begin in stride(from: 0, to: info.pieceSize(piece), by: 16384) {
        wanted.append((piece, begin, min(16384, info.pieceSize(piece) - begin)))
      }
    }
    wanted.append((0, 5, 3))
    wanted.append((0, 8, 100))
    let read = await withCheckedContinuation { continuation in
      let read = BlockRead(storage: rig.storage, pool: rig.buffers, loop: rig.loop) {
        continuation.resume(returning: $1)
      }
      for block in wanted { read.append(piece: block.0, begin: block.1, length: block.2) }
      rig.pool.submit(read)
    }
    var expected: [UInt8] = []
    for (piece, begin, length) in wanted {
      expected.append(bigEndian: UInt32(9 + length))
      expected.append(7)
      expected.append(bigEndian: UInt32(piece))
      expected.append(bigEndian: UInt32(begin))
      expected += rig.torrent.piece(piece)[begin..<begin + length]
    }
    #expect(read.failure == nil)
    #expect(read.byteCount == expected.count)
    #expect(read.buffer.map { Array($0.memory.prefix(read.byteCount)) } == expected)
    #expect(read.blocks.allSatisfy { $0.offset != nil })
  }

  @Test func spaceBehindAFileOfV2ReadsAsZerosAndNoFurther() async throws {
    let torrent = TestTorrent(
      .v2, pieceLength: 32768, name: "n",
      files: [("a", TestTorrent.noise(20000, seed: 1)), ("b", TestTorrent.noise(100, seed: 2))])
    let rig = try Rig(torrent)
    await rig.writeAll()
    let read = await withCheckedContinuation { continuation in
      let read = BlockRead(storage: rig.storage, pool: rig.buffers, loop: rig.loop) {
        continuation.resume(returning: $1)
      }
      for (piece, begin, length) in [(0, 16384, 16384), (1, 0, 16384), (1, 16384, 16384), (1, 16384, 16385)] {
        read.append(piece: piece, begin: begin, length: length)
      }
      rig.pool.submit(read)
    }
    #expect(read.blocks.map { $0.offset != nil } == [true, true, true, false])
    #expect(read.failure == nil)
    let memory = read.buffer?.memory
    let first = torrent.piece(0)[16384...] + [UInt8](repeating: 0, count: 32768 - 20000)
    #expect(memory.map { Array($0[13..<13 + 16384]) } == Array(first))
    let last = [UInt8](repeating: 0, count: 16384)
    #expect(memory.map { Array($0[2 * 16397 + 13..<3 * 16397]) } == last)
  }

  @Test func aReadErrorFailsOnlyItsOwnBlocks() async throws {
    let rig = try Rig(
      TestTorrent(
        .v1, pieceLength: 65536, name: "n",
        files: [
          ("a", TestTorrent.noise(40000, seed: 1)), ("b", TestTorrent.noise(90000, seed: 2)),
        ]))
    await rig.writeAll()
    rig.storage.close()
    // Short after 40000 + 20000 bytes of piece space.
    rig.scratch.write(Array(rig.torrent.contents[["n", "b"]]!.prefix(20000)), to: "n/b")
    let wanted = [(0, 0), (0, 16384), (0, 32768), (0, 49152), (5, 0), (0, 65530), (-1, 0), (0, 16384)]
    let read = await withCheckedContinuation { continuation in
      let read = BlockRead(storage: rig.storage, pool: rig.buffers, loop: rig.loop) {
        continuation.resume(returning: $1)
      }
      for block in wanted { read.append(piece: block.0, begin: block.1, length: 16384) }
      rig.pool.submit(read)
    }
    #expect(read.blocks.map { $0.offset != nil } == [true, true, true, false, false, false, false, true])
    #expect(read.byteCount == 4 * (16384 + 13))
    #expect(read.failure == .short(path: rig.scratch.path + "/n/b", size: 20000))
    let memory = read.buffer?.memory
    for block in read.blocks where block.offset != nil {
      let start = (block.offset ?? 0) + 13
      #expect(
        memory.map { Array($0[start..<start + 16384]) }
          == Array(rig.torrent.piece(0)[block.begin..<block.begin + 16384]))
    }
  }

  @Test func leavesReadFromTheDiskMakeTheRoot() async throws {
    let rig = try Rig(.awkward(.v2))
    await rig.writeAll()
    let thread = DiskThread()
    for piece in 0..<rig.torrent.info.pieceCount {
      let leaves = try rig.storage.leafHashes(ofPiece: piece, on: thread)
      let bytes = rig.torrent.piece(piece)
      #expect(
        leaves
          == stride(from: 0, to: bytes.count, by: 16384).map {
            SHA256.hash(bytes.rawBytes.extracting($0..<min(bytes.count, $0 + 16384)))
          })
    }
  }

  @Test func oneThreadKeepsTheOrderAndBackgroundWaits() async throws {
    let pool = DiskPool(threads: 1)
    let log = Mutex<[Int]>([])
    let gate = Mutex(())
    let started = Atomic(false)
    gate._unsafeLock()
    pool.submit(
      Note {
        started.store(true, ordering: .releasing)
        gate.withLock { _ in }
      })
    pool.submit(Note { log.withLock { $0.append(100) } }, isBackground: true)
    for index in 0..<50 { pool.submit(Note { log.withLock { $0.append(index) } }) }
    gate._unsafeUnlock()
    let end: Void = await withCheckedContinuation { continuation in
      pool.submit(Note { continuation.resume() }, isBackground: true)
    }
    end
    #expect(log.withLock { $0 } == Array(0..<50) + [100])
    pool.stop()
  }

  @Test func urgentJobsTakeTurnsWithAllOthers() async throws {
    let pool = DiskPool(threads: 1)
    let log = Mutex<[Int]>([])
    let gate = Mutex(())
    gate._unsafeLock()
    pool.submit(Note { gate.withLock { _ in } }, isUrgent: true)
    for index in 0..<6 { pool.submit(Note { log.withLock { $0.append(index) } }) }
    for index in 10..<13 { pool.submit(Note { log.withLock { $0.append(index) } }, isUrgent: true) }
    gate._unsafeUnlock()
    pool.stop()
    #expect(log.withLock { $0 } == [0, 10, 1, 11, 2, 12, 3, 4, 5])
  }

  @Test(arguments: TorrentVersion.allCases)
  func piecesThatWaitTogetherAreJudgedEachOnItsOwn(_ version: TorrentVersion) async throws {
    let torrent = TestTorrent(
      version, pieceLength: 32768, name: "n", files: [("f", TestTorrent.noise(20 * 32768 + 777, seed: 4))])
    let rig = try Rig(torrent)
    let pool = DiskPool(threads: 1)
    let submitted = Counter()
    let others = Counter()
    let isBad = { @Sendable (piece: Int) in piece == 3 || piece == 20 }
    // The only thread waits until all of them wait for it.
    pool.submit(Note { while submitted.count < 21 { usleep(1000) } })
    let outcomes = await withTaskGroup(of: PieceWrite.self) { group in
      for piece in 0..<21 {
        group.addTask {
          var bytes = torrent.piece(piece)
          if isBad(piece) { bytes[500] ^= 1 }
          return await rig.job(piece, bytes: bytes, on: pool) { _ in
            pool.submit(Note { others.add() })
            submitted.add()
          }
        }
      }
      return await group.reduce(into: [:]) { $0[$1.piece] = $1.outcome }
    }
    pool.stop()
    #expect(others.count == 21)
    for piece in 0..<21 {
      let expected: PieceWrite.Outcome = isBad(piece) ? .mismatch(badBlocks: []) : .written
      #expect(outcomes[piece] == expected, "piece \(piece)")
    }
    let onDisk = try #require(rig.scratch.read("n/f"))
    for piece in 0..<21 where !isBad(piece) {
      let start = piece * 32768
      #expect(Array(onDisk[start..<start + torrent.piece(piece).count]) == torrent.piece(piece))
    }
    #expect(onDisk[3 * 32768..<4 * 32768].allSatisfy { $0 == 0 })
  }

  @Test func stoppingRunsWhatIsQueuedAndDropsWhatComesLater() {
    let pool = DiskPool(threads: 3)
    let count = Atomic(0)
    for _ in 0..<1000 { pool.submit(Note { count.wrappingAdd(1, ordering: .relaxed) }) }
    pool.stop()
    #expect(count.load(ordering: .relaxed) == 1000)
    pool.submit(Note { count.wrappingAdd(1, ordering: .relaxed) })
    pool.stop()
    #expect(count.load(ordering: .relaxed) == 1000)
  }
}

private final class Counter: Sendable {
  private let value = Atomic(0)
  var count: Int { value.load(ordering: .relaxed) }
  func add() { value.wrappingAdd(1, ordering: .relaxed) }
}

private final class Note: DiskJob {
  private let body: @Sendable () -> Void
  init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  func run(on thread: DiskThread) { body() }
}

@Suite("Memory for pieces")
struct PieceBufferPoolTests {
  @Test func memoryIsBoundedAndComesBackWithTheLastReference() {
    let pool = PieceBufferPool(limit: 3 * 65536)
    var buffers = (0..<3).compactMap { _ in pool.take(65536) }
    #expect(buffers.count == 3)
    #expect(pool.take(1) == nil)
    buffers.removeLast()
    let small = pool.take(40000)
    #expect(small?.count == 40000)
    #expect(pool.usedBytes <= 3 * 65536)
    buffers = []
    #expect(pool.usedBytes <= 65536)
  }

  @Test func buffersAreReusedAndPageAligned() {
    let pool = PieceBufferPool(limit: 1 << 20)
    let first = pool.take(100_000).map { UInt(bitPattern: $0.memory.baseAddress) }
    let second = pool.take(100_000).map { UInt(bitPattern: $0.memory.baseAddress) }
    #expect(first == second)
    #expect((first ?? 1) % 4096 == 0)
  }

  @Test func aPieceAboveTheLimitCanBeFetchedAlone() {
    let pool = PieceBufferPool(limit: 65536)
    let large = pool.take(1 << 20)
    #expect(large?.count == 1 << 20)
    #expect(pool.take(100) == nil)
    withExtendedLifetime(large) {}
  }

  @Test func otherSizesMakeRoomForEachOther() {
    let pool = PieceBufferPool(limit: 1 << 20)
    for size in [1 << 20, 16384, 300_000, 1 << 20, 5000] { #expect(pool.take(size) != nil) }
    #expect(pool.usedBytes == 0)
  }
}
