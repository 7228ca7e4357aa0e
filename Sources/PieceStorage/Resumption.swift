public import Bytes
import Metainfo
internal import Synchronization

/// What a journal and a look at the files say at the start, before any content is read.
public struct Resumption: Sendable {
  /// What kind of journal there was.
  public enum Journal: String, Sendable {
    /// None, or an empty one, or one of something else.
    case none
    /// One that ends in something that is not a record.
    case damaged
    /// One that was closed.
    case closed
    /// One that was in use: the process was killed, or the machine went down.
    case interrupted
  }

  /// What kind of journal there was.
  public let journal: Journal
  /// Pieces that are ours without a further look.
  public private(set) var have: Bitfield
  /// Pieces that may be there and have to be checked to count.
  public private(set) var doubtful: Bitfield
  /// Files that somebody changed: all of their pieces are doubtful.
  public private(set) var changedFiles: [Int] = []
  /// Whether the journal vouches for all that it says: nothing has to be looked at or recorded anew.
  public var isSettled: Bool {
    journal == .closed && doubtful.isEmpty && changedFiles.isEmpty && altered.isEmpty
  }
  /// Files as they were found, by place.
  let observed: [Int: FileIdentity]
  /// Places that are not as they were last synced.
  private(set) var altered: Set<Int> = []
  /// Places that somebody changed.
  private(set) var changed: Set<Int> = []
}

/// How long after its note in the journal a piece's writing may begin: what a stalled disk can take.
/// A file that changed later than that was changed by somebody else.
private let writingDelay: Int64 = 5_000_000_000

extension ResumeJournal {
  /// Reads the journal and compares it with the files. Opens no file of the torrent: one look at each.
  public func load() -> Resumption {
    storage.readPartMap()
    let file = readFile()
    let (state, isWhole) = file.map { replay($0.bytes) } ?? (nil, true)
    var resumption = Resumption(
      journal: state == nil ? .none : !isWhole ? .damaged : state?.system == nil ? .closed : .interrupted,
      have: state?.have ?? Bitfield(count: storage.info.pieceCount),
      doubtful: Bitfield(count: storage.info.pieceCount), observed: look())
    resumption.compare(
      state ?? JournalState(pieces: storage.info.pieceCount), storage,
      isSameSystem: state?.system == nil || state?.system == system.name, systemStart: system.start,
      journalModified: file?.modified ?? 0)
    contents.withLock { contents in
      contents = Contents(state: JournalState(pieces: storage.info.pieceCount))
      contents.state.have = resumption.have
      contents.state.files = resumption.trusted
    }
    return resumption
  }

  /// Takes over what `load` found and the check of its doubtful pieces confirmed, durably: both are
  /// ours then. Writes nothing if there is nothing new. An error leaves the pieces ours for now, and to
  /// be found out again at the next start: for seeding from a read-only folder it can be ignored.
  public func adopt(_ resumption: Resumption, checked good: Bitfield? = nil) throws(StorageError) {
    let before = contents.withLock { contents in
      let before = contents.state
      for piece in 0..<storage.info.pieceCount where resumption.doubtful[piece] && good?[piece] == true {
        contents.state.have[piece] = true
      }
      contents.state.files = resumption.observed
      return before
    }
    let isKnown =
      resumption.journal == .closed && resumption.doubtful.isEmpty && before.files == resumption.observed
    if isKnown || resumption.observed.isEmpty && resumption.journal == .none { return try claimParts() }
    // What was checked may be in memory only, left there by the process that was killed.
    storage.needsSync(resumption.altered)
    try storage.epoch.withLock { (_) throws(StorageError) in
      _ = try storage.syncFiles()
      try contents.withLock { (contents) throws(StorageError) in
        try replace(&contents)
        contents.file = nil
      }
    }
    try claimParts()
  }

  /// The state that a journal's bytes add up to, `nil` if they are no journal of this torrent, and
  /// whether all of them were sound.
  func replay(_ bytes: [UInt8]) -> (state: JournalState?, isWhole: Bool) {
    let header = header
    guard bytes.starts(with: header) else { return (nil, true) }
    var state: JournalState?
    var offset = header.count
    while let (record, end) = JournalRecord.read(
      bytes.rawBytes, at: offset, pieces: storage.info.pieceCount, files: storage.partStore + 1)
    {
      if case .snapshot = record { state = state ?? JournalState(pieces: storage.info.pieceCount) }
      state?.apply(record)
      offset = end
    }
    return (state, offset == bytes.count)
  }

  private func look() -> [Int: FileIdentity] {
    var walk = StatusWalk(storage)
    var observed: [Int: FileIdentity] = [:]
    let places =
      storage.info.files.indices.filter { storage.info.files[$0].holdsContent } + [storage.partStore]
    for place in places { observed[place] = walk.identity(place) }
    return observed
  }
}

extension File {
  /// Whether bytes of it are in pieces and on the disk.
  var holdsContent: Bool { length > 0 && !isPadding && !isSymbolicLink }
}

extension Resumption {
  fileprivate mutating func compare(
    _ state: JournalState, _ storage: TorrentStorage, isSameSystem: Bool, systemStart: Int64,
    journalModified: Int64
  ) {
    let evidence = Evidence(
      state: state, isSameSystem: isSameSystem, journalModified: journalModified,
      systemStart: systemStart)
    var absent = Bitfield(count: have.count)
    for (file, entry) in storage.info.files.enumerated() where entry.holdsContent {
      let stored = Set([entry.pieces.lowerBound, entry.pieces.upperBound - 1]).filter {
        storage.isApart(file, piece: $0)
      }
      for piece in stored {
        compare(
          storage.partStore, pieces: piece..<piece + 1, use: 0..<have.count, length: nil, evidence, &absent)
      }
      let inside = entry.pieces.drop { stored.contains($0) }
      let own = stored.contains(entry.pieces.upperBound - 1) ? inside.dropLast() : inside
      guard !own.isEmpty,
        compare(file, pieces: own, use: entry.pieces, length: entry.length, evidence, &absent)
      else { continue }
      changedFiles.append(file)
    }
    for piece in state.uncommitted.keys where !have[piece] { doubtful[piece] = true }
    for piece in 0..<have.count where absent[piece] { doubtful[piece] = false }
  }

  /// Compares one place, as far as it has bytes of `pieces`; true if somebody changed it. `use` are the pieces
  /// whose writing changes it.
  @discardableResult
  private mutating func compare(
    _ place: Int, pieces: Range<Int>, use: Range<Int>, length: Int64?, _ evidence: Evidence,
    _ absent: inout Bitfield
  ) -> Bool {
    guard let seen = observed[place] else {
      for piece in pieces {
        have[piece] = false
        absent[piece] = true
      }
      return false
    }
    if evidence.state.files[place] != seen { altered.insert(place) }
    guard evidence.isOurs(place, seen, pieces: use, length: length) else {
      changed.insert(place)
      for piece in pieces {
        have[piece] = false
        doubtful[piece] = true
      }
      return true
    }
    if journal == .damaged || journal == .interrupted && !evidence.isSameSystem {
      for piece in pieces where !have[piece] { doubtful[piece] = true }
    }
    return false
  }

  /// The files whose identity is worth keeping while nothing is checked yet.
  fileprivate var trusted: [Int: FileIdentity] { observed.filter { !changed.contains($0.key) } }
}

/// What is known about whether a file is as we left it.
private struct Evidence {
  var state: JournalState
  var isSameSystem: Bool
  var journalModified: Int64
  var systemStart: Int64

  func isOurs(_ place: Int, _ seen: FileIdentity, pieces: Range<Int>, length: Int64?) -> Bool {
    if let recorded = state.files[place], recorded == seen { return true }
    // Changed. While the journal was in use, by ourselves perhaps: in files that lacked pieces only.
    guard state.isInUse(pieces), length.map({ $0 == seen.size }) ?? true else { return false }
    let recorded = state.files[place]?.modified ?? 0
    guard isSameSystem else {
      // After a power cut notes are missing and any of our writes may have been the last; but none of
      // them is older than the last sync or younger than this run of the system.
      return seen.modified >= recorded && seen.modified <= systemStart
    }
    // After a kill nothing is missing: it is as after our last write, or a piece was just being written.
    let last = max(recorded, state.latest[place]?.modified ?? 0)
    if seen.modified == last { return true }
    let isBeingWritten = state.uncommitted.contains { !$0.value && pieces.contains($0.key) }
    return isBeingWritten && seen.modified > last && seen.modified <= journalModified + writingDelay
  }
}
