import Bytes
import Glibc
import Metainfo
import PieceStorage
import Testing

@Suite("The resume journal")
struct JournalTests {
  /// Downloads all pieces but the last `missing` and ends as told.
  private func session(
    _ torrent: TestTorrent, _ scratch: Scratch, system: SystemRun? = nil, synced: [Int], unsynced: [Int] = [],
    closing: Bool = false
  ) async throws {
    let rig = try Rig(torrent, scratch, system: system)
    _ = try rig.resume()
    for piece in synced { #expect(await rig.write(piece) == .written) }
    #expect(await rig.sync(synced) == nil)
    for piece in unsynced { #expect(await rig.write(piece) == .written) }
    if closing { try rig.journal.close() }
  }

  private func journalName(_ torrent: TestTorrent) -> String { ".apus/\(torrent.info.infoHash).resume" }

  @Test(arguments: TorrentVersion.allCases)
  func afterACleanEndNothingIsReadAgain(_ version: TorrentVersion) async throws {
    let torrent = TestTorrent.awkward(version)
    let scratch = Scratch()
    try await session(torrent, scratch, synced: [0, 2, 5], closing: true)
    let resumption = try Rig(torrent, scratch).journal.load()
    #expect(resumption.journal == .closed)
    #expect(resumption.have.indices == [0, 2, 5])
    #expect(resumption.doubtful.isEmpty)
    #expect(resumption.changedFiles == [])
  }

  @Test(arguments: TorrentVersion.allCases)
  func afterAKillOnlyTheUnsyncedPiecesAreChecked(_ version: TorrentVersion) async throws {
    let torrent = TestTorrent.awkward(version)
    let scratch = Scratch()
    try await session(torrent, scratch, synced: [0, 2, 5], unsynced: [1, 6])
    let rig = try Rig(torrent, scratch)
    let (have, resumption) = try rig.resume()
    #expect(resumption.journal == .interrupted)
    #expect(resumption.have.indices == [0, 2, 5])
    #expect(resumption.doubtful.indices == [1, 6])
    #expect(have.indices == [0, 1, 2, 5, 6])
    // And that is known from then on.
    let next = try Rig(torrent, scratch).journal.load()
    #expect(next.journal == .closed)
    #expect(next.have.indices == [0, 1, 2, 5, 6])
    #expect(next.doubtful.isEmpty)
  }

  @Test func manyKillsInARowNeverCheckMoreThanOneEpoch() async throws {
    let torrent = TestTorrent.awkward(.hybrid)
    let scratch = Scratch()
    for piece in 0..<torrent.info.pieceCount - 1 {
      let rig = try Rig(torrent, scratch)
      let (have, resumption) = try rig.resume()
      #expect(have.indices == Array(0..<piece))
      #expect(resumption.doubtful.indices == (piece % 3 == 1 || piece == 0 ? [] : [piece - 1]))
      #expect(resumption.changedFiles == [])
      _ = await rig.write(piece)
      if piece % 3 == 0 { #expect(await rig.sync([piece]) == nil) }
    }
  }

  @Test func withoutAJournalWhatIsThereIsChecked() async throws {
    let torrent = TestTorrent.awkward(.hybrid)
    let scratch = Scratch()
    for (path, content) in torrent.contents where path != ["folder", "d.bin"] {
      scratch.write(content, to: path.joined(separator: "/"))
    }
    let (have, resumption) = try Rig(torrent, scratch).resume()
    let gone = Set(torrent.info.files[torrent.file("d.bin")].pieces)
    #expect(resumption.journal == .none)
    #expect(resumption.doubtful.indices == (0..<torrent.info.pieceCount).filter { !gone.contains($0) })
    #expect(have.indices == resumption.doubtful.indices)
  }

  @Test func withNothingThereNothingIsCheckedOrWritten() async throws {
    let rig = try Rig(.awkward(.v1))
    let (have, resumption) = try rig.resume()
    #expect(have.isEmpty && resumption.doubtful.isEmpty)
    #expect(!rig.scratch.exists(".apus"))
  }

  @Test(arguments: [0, 1, 20, 200], [true, false])
  func aJournalThatIsNotOneIsAsNone(_ length: Int, _ isZero: Bool) async throws {
    let torrent = TestTorrent.awkward(.v1)
    let scratch = Scratch()
    try await session(torrent, scratch, synced: [0, 2, 5], closing: true)
    scratch.write(
      isZero ? [UInt8](repeating: 0, count: length) : TestTorrent.noise(length, seed: 9),
      to: journalName(torrent))
    let (have, resumption) = try Rig(torrent, scratch).resume()
    #expect(resumption.journal == .none)
    #expect(resumption.have.isEmpty)
    #expect(have.indices == [0, 2, 5])
  }

  @Test func aJournalOfAnotherTorrentIsAsNone() async throws {
    let torrent = TestTorrent.awkward(.v1)
    let scratch = Scratch()
    try await session(torrent, scratch, synced: [0, 2, 5], closing: true)
    let other = TestTorrent.awkward(.v1, pieceLength: 65536)
    scratch.write(scratch.read(journalName(torrent)) ?? [], to: journalName(other))
    #expect(try Rig(other, scratch).journal.load().journal == .none)
  }

  @Test(arguments: TorrentVersion.allCases)
  func tornAtAnyByteItNeverClaimsAPieceThatIsNotThere(_ version: TorrentVersion) async throws {
    let torrent = TestTorrent.awkward(version, pieceLength: 16384)
    let scratch = Scratch()
    try await session(torrent, scratch, synced: [0, 3], unsynced: [1, 4])
    let whole = scratch.read(journalName(torrent)) ?? []
    #expect(whole.count > 100)
    let rig = try Rig(torrent, scratch)
    for length in 0...whole.count {
      scratch.write(Array(whole.prefix(length)), to: journalName(torrent))
      let resumption = rig.journal.load()
      #expect(Set(resumption.have.indices).isSubset(of: [0, 3]))
      // What is there is found all the same, but for notes that are gone without a trace.
      guard resumption.journal != .interrupted else { continue }
      #expect(Set(resumption.have.indices + resumption.doubtful.indices).isSuperset(of: [0, 3]))
    }
  }

  @Test func aFlippedBitAnywhereNeverClaimsAPieceThatIsNotThere() async throws {
    let torrent = TestTorrent.awkward(.v1, pieceLength: 16384)
    let scratch = Scratch()
    try await session(torrent, scratch, synced: [0, 3], unsynced: [1, 4])
    let whole = scratch.read(journalName(torrent)) ?? []
    let rig = try Rig(torrent, scratch)
    for index in whole.indices {
      var bytes = whole
      bytes[index] ^= 1 << UInt8(index % 8)
      scratch.write(bytes, to: journalName(torrent))
      #expect(Set(rig.journal.load().have.indices).isSubset(of: [0, 3]))
    }
  }

  @Test func aTornJournalIsWholeAgainAfterTheNextStart() async throws {
    let torrent = TestTorrent.awkward(.v1)
    let scratch = Scratch()
    try await session(torrent, scratch, synced: [0, 3], unsynced: [1, 4])
    let whole = scratch.read(journalName(torrent)) ?? []
    scratch.write(Array(whole.dropLast(3)), to: journalName(torrent))
    let rig = try Rig(torrent, scratch)
    #expect(try rig.resume().have.indices == [0, 1, 3, 4])
    _ = await rig.write(5)
    #expect(await rig.sync([5]) == nil)
    #expect(try Rig(torrent, scratch).journal.load().have.indices == [0, 1, 3, 4, 5])
  }

  @Test(arguments: TorrentVersion.allCases)
  func aFileChangedWhileStoppedIsCheckedAndNoOther(_ version: TorrentVersion) async throws {
    let torrent = TestTorrent.awkward(version)
    let scratch = Scratch()
    let all = Array(0..<torrent.info.pieceCount)
    try await session(torrent, scratch, synced: all, closing: true)
    scratch.damage("folder/e/deep/big.bin", at: 2 * 32768 + 100)
    let (have, resumption) = try Rig(torrent, scratch).resume()
    let file = torrent.file("e/deep/big.bin")
    #expect(resumption.changedFiles == [file])
    #expect(resumption.doubtful.indices == Array(torrent.info.files[file].pieces))
    #expect(have.ones == all.count - 1)
  }

  @Test func aFileChangedAfterAKillIsCheckedAndNoOther() async throws {
    let torrent = TestTorrent.awkward(.v1)
    let scratch = Scratch()
    let big = torrent.info.files[torrent.file("e/deep/big.bin")].pieces
    let synced = [0, 1] + Array(big.dropLast(2))
    try await session(torrent, scratch, synced: synced, unsynced: [2])
    // At once: nothing was being written to it any more, so its time is known to the nanosecond.
    scratch.damage("folder/e/deep/big.bin", at: 2 * 32768 + 100, laterBy: 1)
    let (have, resumption) = try Rig(torrent, scratch).resume()
    #expect(resumption.changedFiles == [torrent.file("e/deep/big.bin")])
    #expect(have.ones == synced.count + 1 - 1)
  }

  @Test func aFileOfAnotherSizeIsCheckedEvenAfterAKill() async throws {
    let torrent = TestTorrent.awkward(.v1)
    let scratch = Scratch()
    try await session(torrent, scratch, synced: [0, 1], unsynced: [2])
    truncate(scratch.path + "/folder/b.bin", 40000)
    let (have, resumption) = try Rig(torrent, scratch).resume()
    #expect(resumption.changedFiles.contains(torrent.file("b.bin")))
    #expect(have.indices == [0])
  }

  @Test func aDeletedFileTakesItsPiecesWithIt() async throws {
    let torrent = TestTorrent.awkward(.v2)
    let scratch = Scratch()
    try await session(torrent, scratch, synced: Array(0..<torrent.info.pieceCount), closing: true)
    unlink(scratch.path + "/folder/d.bin")
    let (have, resumption) = try Rig(torrent, scratch).resume()
    #expect(resumption.doubtful.isEmpty)
    #expect(!have[torrent.info.files[torrent.file("d.bin")].pieces.lowerBound])
    #expect(have.ones == torrent.info.pieceCount - 1)
  }

  @Test func aRestoredBackupOfTheFilesIsChecked() async throws {
    let torrent = TestTorrent.awkward(.v1)
    let scratch = Scratch()
    try await session(torrent, scratch, synced: [0, 1], unsynced: [2])
    // The same size, but from before.
    scratch.damage("folder/b.bin", at: 100, laterBy: -7200)
    let (have, resumption) = try Rig(torrent, scratch).resume()
    #expect(resumption.changedFiles.contains(torrent.file("b.bin")))
    #expect(!have[0])
  }

  // MARK: Power cuts

  private let before = SystemRun(name: [1], start: 1)
  private var after: SystemRun { SystemRun(name: [2], start: Int64(time(nil) + 100) * 1_000_000_000) }

  @Test(arguments: TorrentVersion.allCases)
  func aPowerCutThatTookTheNotesChecksWhatIsThereAndNotOurs(_ version: TorrentVersion) async throws {
    let torrent = TestTorrent.awkward(version, pieceLength: 16384)
    let scratch = Scratch()
    try await session(torrent, scratch, system: before, synced: [0, 2])
    let synced = scratch.read(journalName(torrent)) ?? []
    try await session(torrent, scratch, system: before, synced: [], unsynced: [3])
    scratch.write(synced, to: journalName(torrent))
    scratch.touch("folder/b.bin", laterBy: 30)
    let (have, resumption) = try Rig(torrent, scratch, system: after).resume()
    #expect(resumption.have.indices == [0, 2])
    #expect(resumption.changedFiles == [])
    #expect(resumption.doubtful[3])
    #expect(have.indices == [0, 2, 3])
  }

  @Test func afterAPowerCutAFileYoungerThanTheSystemIsSomebodyElses() async throws {
    let torrent = TestTorrent.awkward(.v1, pieceLength: 16384)
    let scratch = Scratch()
    try await session(torrent, scratch, system: before, synced: [0, 2])
    scratch.damage("folder/b.bin", at: 3, laterBy: 3600)
    let (have, resumption) = try Rig(torrent, scratch, system: after).resume()
    #expect(resumption.changedFiles.contains(torrent.file("b.bin")))
    #expect(have.indices == [2])
  }

  @Test func afterAPowerCutAFileOlderThanItsLastSyncIsABackup() async throws {
    let torrent = TestTorrent.awkward(.v1, pieceLength: 16384)
    let scratch = Scratch()
    try await session(torrent, scratch, system: before, synced: [0, 2])
    scratch.damage("folder/b.bin", at: 3, laterBy: -60)
    let (have, _) = try Rig(torrent, scratch, system: after).resume()
    #expect(have.indices == [2])
  }

  @Test func aCompleteFileIsNeverTakenForOneInUse() async throws {
    let torrent = TestTorrent.awkward(.v2)
    let scratch = Scratch()
    let pieces = Array(torrent.info.files[torrent.file("e/deep/big.bin")].pieces)
    try await session(torrent, scratch, system: before, synced: pieces)
    try await session(torrent, scratch, system: before, synced: [0])
    scratch.damage("folder/e/deep/big.bin", at: 3, laterBy: 30)
    let (have, resumption) = try Rig(torrent, scratch, system: after).resume()
    #expect(resumption.changedFiles == [torrent.file("e/deep/big.bin")])
    #expect(have.indices == [0] + pieces.dropFirst())
  }

  // MARK: Life

  @Test func itIsReplacedBeforeItGrowsWithoutBound() async throws {
    let torrent = TestTorrent(
      .v1, pieceLength: 16384, name: "n", files: [("f", TestTorrent.noise(16384 * 4, seed: 1))])
    let rig = try Rig(torrent)
    for _ in 0..<6500 { _ = await rig.write(1) }
    for round in 0..<10 {
      for _ in 0..<10 { _ = await rig.write(round % 3) }
      #expect(await rig.sync([round % 3]) == nil)
    }
    #expect((rig.scratch.read(journalName(torrent)) ?? []).count < 1 << 18)
    #expect(try Rig(torrent, rig.scratch).journal.load().have.indices == [0, 1, 2])
  }

  @Test func lostPiecesStayLost() async throws {
    let torrent = TestTorrent.awkward(.v1)
    let scratch = Scratch()
    let rig = try Rig(torrent, scratch)
    for piece in 0..<4 { _ = await rig.write(piece) }
    #expect(await rig.sync([0, 1, 2, 3]) == nil)
    try rig.journal.forget([1, 2])
    #expect(try Rig(torrent, scratch).journal.load().have.indices == [0, 3])
  }

  @Test func aReadOnlyFolderCanBeSeededFrom() async throws {
    let torrent = TestTorrent.awkward(.v1)
    let scratch = Scratch()
    for (path, content) in torrent.contents { scratch.write(content, to: path.joined(separator: "/")) }
    let rig = try Rig(torrent, scratch) { operation, _ in operation == .write ? EROFS : 0 }
    let resumption = rig.journal.load()
    let report = rig.check(resumption.doubtful)
    #expect(throws: StorageError.self) { try rig.journal.adopt(resumption, checked: report.good) }
    #expect(rig.journal.have.isFull)
  }
}
