import Bytes
import Glibc
import Metainfo
import PieceStorage
import Synchronization
import Testing

@Suite("Part store: bytes of files that are not wanted")
struct PartStoreTests {
  private func wanted(_ torrent: TestTorrent, _ names: [String]) -> [Bool] {
    torrent.info.files.indices.map { index in names.contains { torrent.file($0) == index } }
  }

  private func pieces(_ torrent: TestTorrent, _ names: [String]) -> [Int] {
    Set(names.flatMap { Array(torrent.info.files[torrent.file($0)].pieces) }).sorted()
  }

  private func store(_ torrent: TestTorrent) -> String { ".apus/\(torrent.info.infoHash).parts" }

  /// What is read of a piece, `nil` if it cannot be.
  private func read(_ piece: Int, _ rig: Rig) -> [UInt8]? {
    var found = [UInt8](repeating: 0, count: rig.torrent.info.pieceSize(piece))
    let isRead = found.withUnsafeMutableBytes { bytes in
      (try? rig.storage.read(piece: piece, offset: 0, into: bytes)) != nil
    }
    return isRead ? found : nil
  }

  static let names = [
    "b.bin", "c/tiny-1", "c/tiny-2", "c/tiny-3", "d.bin", "e/deep/big.bin", "z-\u{e9}\u{4e2d}",
  ]

  @Test(arguments: TorrentVersion.allCases, 1..<128)
  func whateverIsWantedNothingElseIsMade(_ version: TorrentVersion, _ mask: Int) async throws {
    let torrent = TestTorrent.awkward(version)
    let chosen = Self.names.indices.filter { mask >> $0 & 1 == 1 }.map { Self.names[$0] }
    let rig = try Rig(torrent, wanted: wanted(torrent, chosen))
    let pieces = pieces(torrent, chosen)
    for piece in pieces { #expect(await rig.write(piece) == .written) }
    #expect(rig.scratch.names() == chosen.map { "folder/\($0)" }.sorted())
    for piece in pieces { #expect(read(piece, rig) == torrent.piece(piece)) }
    #expect(await rig.sync(pieces) == nil)
    #expect(rig.check().good.indices.filter { pieces.contains($0) } == pieces)
    // Aligned files share no piece.
    if version != .v1 { #expect(!rig.scratch.exists(store(torrent))) }
    // A check that knows nothing of the selection finds the same.
    let other = TorrentStorage(info: torrent.info, directory: rig.scratch.path)
    let report = PieceCheck(other, layers: torrent.layers).run(threads: 2)
    #expect(report.good == rig.check().good)
  }

  @Test func aFileThatSomebodyPutInAnUnwantedOnesPlaceIsNotTouched() async throws {
    let torrent = TestTorrent.awkward(.v1)
    let scratch = Scratch()
    let foreign = TestTorrent.noise(100, seed: 77)
    for name in ["c/tiny-3", "e/deep/big.bin"] { scratch.write(foreign, to: "folder/\(name)") }
    let rig = try Rig(torrent, scratch, wanted: wanted(torrent, ["d.bin"]))
    _ = try rig.resume()
    let pieces = pieces(torrent, ["d.bin"])
    for piece in pieces { #expect(await rig.write(piece) == .written) }
    #expect(await rig.sync(pieces) == nil)
    for name in ["c/tiny-3", "e/deep/big.bin"] { #expect(scratch.read("folder/\(name)") == foreign) }
    for piece in pieces { #expect(read(piece, rig) == torrent.piece(piece)) }
    let again = try Rig(torrent, scratch, wanted: wanted(torrent, ["d.bin"]))
    let (have, resumption) = try again.resume()
    #expect(have.indices == pieces && resumption.doubtful.isEmpty)
    #expect(again.check(bits(torrent, pieces)).good.indices == pieces)
  }

  private func bits(_ torrent: TestTorrent, _ pieces: [Int]) -> Bitfield {
    var field = Bitfield(count: torrent.info.pieceCount)
    for piece in pieces { field[piece] = true }
    return field
  }

  @Test func theyMoveToTheFilesOnceThoseAreWanted() async throws {
    let torrent = TestTorrent.awkward(.v1)
    let scratch = Scratch()
    let pieces = pieces(torrent, ["d.bin"])
    do {
      let rig = try Rig(torrent, scratch, wanted: wanted(torrent, ["d.bin"]))
      for piece in pieces { _ = await rig.write(piece) }
      try rig.journal.close(committing: pieces)
      #expect(scratch.exists(store(torrent)))
    }
    let rig = try Rig(torrent, scratch)
    let (have, _) = try rig.resume()
    #expect(have.indices == pieces)
    #expect(!scratch.exists(store(torrent)))
    #expect(scratch.exists("folder/c/tiny-3") && scratch.exists("folder/e/deep/big.bin"))
    // What moved was recorded: nothing is to be looked at.
    let again = try Rig(torrent, scratch)
    #expect(try again.resume().resumption.doubtful.isEmpty)
    for piece in 0..<torrent.info.pieceCount where !pieces.contains(piece) { _ = await again.write(piece) }
    for (path, content) in torrent.contents { #expect(scratch.read(path.joined(separator: "/")) == content) }
  }

  @Test func aCompleteFileThatIsNotWantedAnyMoreIsStillRead() async throws {
    let torrent = TestTorrent.awkward(.v1)
    let scratch = Scratch()
    do {
      let rig = try Rig(torrent, scratch)
      await rig.writeAll()
      try rig.journal.close(committing: Array(0..<torrent.info.pieceCount))
    }
    let rig = try Rig(torrent, scratch, wanted: wanted(torrent, ["d.bin"]))
    let (have, resumption) = try rig.resume()
    #expect(resumption.doubtful.isEmpty)
    #expect(have.isFull)
    #expect(rig.check().good.isFull)
  }

  @Test func aFileThatIsNotWantedAnyMoreKeepsWhatItHasAndGetsNoMore() async throws {
    let torrent = TestTorrent.awkward(.v1)
    let rig = try Rig(torrent)
    let big = torrent.info.files[torrent.file("e/deep/big.bin")]
    let first = Array(big.pieces.dropFirst().prefix(2))
    for piece in first { _ = await rig.write(piece) }
    #expect(await rig.sync(first) == nil)
    let before = rig.scratch.read("folder/e/deep/big.bin")
    try rig.journal.select(wanted(torrent, ["d.bin", "z-\u{e9}\u{4e2d}"]))
    let edges = [big.pieces.lowerBound, big.pieces.upperBound - 1]
    for piece in edges { #expect(await rig.write(piece) == .written) }
    #expect(await rig.sync(edges) == nil)
    #expect(rig.scratch.read("folder/e/deep/big.bin") == before)
    for piece in first + edges { #expect(read(piece, rig) == torrent.piece(piece)) }
    try rig.journal.select(nil)
    #expect(!rig.scratch.exists(store(torrent)))
    #expect(rig.scratch.exists("folder/a-empty"))
    for piece in first + edges { #expect(read(piece, rig) == torrent.piece(piece)) }
  }

  @Test(arguments: 0..<40)
  func anyOrderOfSelectionsWritesAndKillsKeepsWhatIsOurs(_ seed: UInt64) async throws {
    var dice = Dice(state: seed &* 7919 &+ 1)
    let torrent = TestTorrent.awkward(.v1)
    let scratch = Scratch()
    var selection = [Bool](repeating: true, count: torrent.info.files.count)
    func reselect() { for file in selection.indices { selection[file] = dice.below(2) == 0 } }
    reselect()
    var everWanted = selection
    var ours: Set<Int> = []
    var waiting: [Int] = []
    var rig = try Rig(torrent, scratch, wanted: selection)
    _ = try rig.resume()
    for _ in 0..<30 {
      switch dice.below(8) {
      case 0...3:
        let missing = (0..<torrent.info.pieceCount).filter { piece in
          !ours.contains(piece) && !waiting.contains(piece)
            && torrent.info.segments(piece: piece, offset: 0, length: torrent.info.pieceSize(piece))
              .contains { selection[$0.file] }
        }
        guard !missing.isEmpty else { break }
        let piece = missing[dice.below(missing.count)]
        #expect(await rig.write(piece) == .written)
        waiting.append(piece)
      case 4:
        #expect(await rig.sync(waiting) == nil)
        ours.formUnion(waiting)
        waiting = []
      case 5...6:
        #expect(await rig.sync(waiting) == nil)
        ours.formUnion(waiting)
        waiting = []
        reselect()
        try rig.journal.select(selection)
      default:
        if dice.below(2) == 0 { try rig.journal.close(committing: waiting) }
        if dice.below(2) == 0 { reselect() }
        rig = try Rig(torrent, scratch, wanted: selection)
        let (have, _) = try rig.resume()
        // A kill loses nothing that was written: what has no record is looked at.
        #expect(ours.union(waiting) == Set(have.indices))
        ours = Set(have.indices)
        waiting = []
      }
      for file in selection.indices where selection[file] { everWanted[file] = true }
      for piece in ours.union(waiting) { #expect(read(piece, rig) == torrent.piece(piece)) }
      for (index, file) in torrent.info.files.enumerated() where !everWanted[index] {
        #expect(!scratch.exists(file.path.joined(separator: "/")))
      }
    }
    #expect(await rig.sync(waiting) == nil)
    try rig.journal.select(nil)
    for piece in 0..<torrent.info.pieceCount where !ours.contains(piece) { _ = await rig.write(piece) }
    for (path, content) in torrent.contents { #expect(scratch.read(path.joined(separator: "/")) == content) }
    #expect(!scratch.exists(store(torrent)))
  }

  @Test func whatCouldNotMoveIsReadFromWhereItIsUntilItCan() async throws {
    let torrent = TestTorrent.awkward(.v1)
    let isFull = Mutex(false)
    let rig = try Rig(
      torrent, wanted: wanted(torrent, ["d.bin"]),
      faults: { operation, path in
        operation == .write && path.hasSuffix("big.bin") && isFull.withLock { $0 } ? ENOSPC : 0
      })
    let pieces = pieces(torrent, ["d.bin"])
    for piece in pieces { _ = await rig.write(piece) }
    #expect(await rig.sync(pieces) == nil)
    isFull.withLock { $0 = true }
    #expect(throws: StorageError.self) { try rig.journal.select(nil) }
    for piece in pieces { #expect(read(piece, rig) == torrent.piece(piece)) }
    isFull.withLock { $0 = false }
    try rig.journal.select(nil)
    for piece in pieces { #expect(read(piece, rig) == torrent.piece(piece)) }
    #expect(!rig.scratch.exists(store(torrent)))
  }

  @Test func aStoreThatIsDamagedCountsAsEmpty() async throws {
    let torrent = TestTorrent.awkward(.v1)
    let scratch = Scratch()
    let pieces = pieces(torrent, ["d.bin"])
    do {
      let rig = try Rig(torrent, scratch, wanted: wanted(torrent, ["d.bin"]))
      for piece in pieces { _ = await rig.write(piece) }
      try rig.journal.close(committing: pieces)
    }
    scratch.write(TestTorrent.noise(5000, seed: 3), to: store(torrent))
    let rig = try Rig(torrent, scratch, wanted: wanted(torrent, ["d.bin"]))
    let (have, _) = try rig.resume()
    #expect(have.isEmpty)
    for piece in pieces { #expect(await rig.write(piece) == .written) }
    for piece in pieces { #expect(read(piece, rig) == torrent.piece(piece)) }
    #expect(scratch.names() == ["folder/d.bin"])
  }
}

private struct Dice {
  var state: UInt64

  mutating func below(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(bound))
  }
}
