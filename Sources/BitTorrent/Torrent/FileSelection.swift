import Bytes
import Metainfo

/// How much files and pieces are wanted, and how many of the wanted bytes are verified.
struct FileSelection {
  /// Pieces that hold bytes of a wanted file.
  private(set) var pieces: Bitfield
  /// Wanted pieces that are not verified.
  private(set) var missing: Int
  /// Bytes of the wanted files.
  let wantedBytes: Int64
  /// Of those, verified bytes.
  private(set) var doneBytes: Int64 = 0
  /// One for each file; padding is not wanted for its own sake.
  let priorities: [FilePriority]
  /// The priority that all wanted pieces have, if they have one in common.
  private let common: PiecePriority?
  private var verified: Bitfield

  /// The selection by the `priorities` of files (by index, `nil` for all as usual), nothing verified.
  init(_ info: Info, priorities given: [FilePriority]?) {
    priorities = info.files.indices.map { index in
      guard !info.files[index].isPadding else { return .unwanted }
      return given.map { index < $0.count ? $0[index] : .unwanted } ?? .normal
    }
    pieces = Bitfield(count: info.pieceCount)
    verified = pieces
    var bytes: Int64 = 0
    var levels: Set<FilePriority> = []
    for (index, file) in info.files.enumerated() where priorities[index] != .unwanted {
      bytes += file.length
      levels.insert(priorities[index])
      for piece in file.pieces { pieces[piece] = true }
    }
    common = levels.count > 1 ? nil : levels.first.map { PiecePriority($0) } ?? .skip
    wantedBytes = bytes
    missing = pieces.ones
  }

  /// Whether every wanted piece is verified.
  var isComplete: Bool { missing == 0 }

  /// For each file whether it is wanted.
  var wanted: [Bool] { priorities.map { $0 != .unwanted } }

  func wants(_ piece: Int) -> Bool { pieces[piece] }

  /// That of the most wanted file with bytes in `piece`. O(its files).
  func priority(of piece: Int, info: Info) -> PiecePriority {
    guard pieces[piece] else { return .skip }
    if let common { return common }
    var highest = FilePriority.unwanted
    info.forEachSegment(piece: piece, offset: 0, length: info.pieceSize(piece)) { segment in
      if !segment.isPadding { highest = max(highest, priorities[segment.file]) }
    }
    return PiecePriority(highest)
  }

  mutating func verified(_ piece: Int, info: Info) { set(piece, true, info) }

  mutating func lost(_ piece: Int, info: Info) { set(piece, false, info) }

  private mutating func set(_ piece: Int, _ isVerified: Bool, _ info: Info) {
    guard pieces[piece], verified[piece] != isVerified else { return }
    verified[piece] = isVerified
    missing += isVerified ? -1 : 1
    var bytes: Int64 = 0
    info.forEachSegment(piece: piece, offset: 0, length: info.pieceSize(piece)) { segment in
      if !segment.isPadding, priorities[segment.file] != .unwanted { bytes += Int64(segment.length) }
    }
    doneBytes += isVerified ? bytes : -bytes
  }
}

extension PiecePriority {
  /// That of pieces of a file.
  init(_ priority: FilePriority) {
    switch priority {
    case .unwanted: self = .skip
    case .low: self = .low
    case .normal: self = .normal
    case .high: self = .high
    }
  }
}
