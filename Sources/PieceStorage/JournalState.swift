import Bytes
import Metainfo

/// What the records of a journal add up to.
struct JournalState {
  /// Pieces that are ours.
  var have: Bitfield
  /// Files as of the last sync, by place.
  var files: [Int: FileIdentity] = [:]
  /// Files after our own writes since then.
  var latest: [Int: FileIdentity] = [:]
  /// Pieces that were written to after the last epoch, and whether the writing came to its end.
  var uncommitted: [Int: Bool] = [:]
  /// The run of the operating system in which the files are being written to; `nil` if they are not.
  var system: [UInt8]?
  /// Pieces that were ours when the journal was opened: only files with others are written to.
  var haveWhenOpened: Bitfield?

  init(pieces: Int) { have = Bitfield(count: pieces) }

  /// Takes one more record into account.
  mutating func apply(_ record: JournalRecord) {
    switch record {
    case .snapshot(let have, let files):
      self = JournalState(pieces: have.count)
      self.have = have
      self.files = files
    case .opened(let system):
      self.system = system
      haveWhenOpened = have
    case .writing(let piece): uncommitted[piece] = false
    case .written(let piece, let files):
      uncommitted[piece] = true
      noteWrites(files)
    case .epoch(let pieces, let files):
      for piece in pieces {
        have[piece] = true
        uncommitted[piece] = nil
      }
      self.files.merge(files) { $1 }
    case .lost(let pieces):
      for piece in pieces {
        have[piece] = false
        uncommitted[piece] = nil
      }
    }
  }

  /// Threads report in any order: the last change counts.
  private mutating func noteWrites(_ files: [Int: FileIdentity]) {
    latest.merge(files) { $0.modified > $1.modified ? $0 : $1 }
  }

  /// Whether we may have written to a file since the journal was opened.
  func isInUse(_ pieces: Range<Int>) -> Bool {
    guard system != nil, let haveWhenOpened else { return false }
    return pieces.contains { !haveWhenOpened[$0] }
  }

  /// The records that come to this state.
  var records: [JournalRecord] {
    var records: [JournalRecord] = [.snapshot(have: have, files: files)]
    guard let system else { return records }
    records.append(.opened(system: system))
    var latest = latest
    for (piece, isWritten) in uncommitted {
      records.append(.writing(piece))
      guard isWritten else { continue }
      records.append(.written(piece, files: latest))
      latest = [:]
    }
    return records
  }
}
