import Bytes
import Metainfo

/// Which files and pieces are wanted, and how many of the wanted bytes are verified.
struct FileSelection {
  /// Pieces that hold bytes of a wanted file.
  private(set) var pieces: Bitfield
  /// Wanted pieces that are not verified.
  private(set) var missing: Int
  /// Bytes of the wanted files.
  let wantedBytes: Int64
  /// Of those, verified bytes.
  private(set) var doneBytes: Int64 = 0
  private let wanted: [Bool]
  private var verified: Bitfield

  /// The selection of `wanted` files (by index, `nil` for all), nothing verified.
  init(_ info: Info, wanted: [Bool]?) {
    self.wanted = info.files.indices.map { index in
      guard case .padding = info.files[index].kind else {
        return wanted.map { index < $0.count && $0[index] } ?? true
      }
      return false
    }
    pieces = Bitfield(count: info.pieceCount)
    verified = pieces
    var bytes: Int64 = 0
    for (index, file) in info.files.enumerated() where self.wanted[index] {
      bytes += file.length
      for piece in file.pieces { pieces[piece] = true }
    }
    wantedBytes = bytes
    missing = pieces.ones
  }

  /// Whether every wanted piece is verified.
  var isComplete: Bool { missing == 0 }

  func wants(_ piece: Int) -> Bool { pieces[piece] }

  mutating func verified(_ piece: Int, info: Info) { set(piece, true, info) }

  mutating func lost(_ piece: Int, info: Info) { set(piece, false, info) }

  private mutating func set(_ piece: Int, _ isVerified: Bool, _ info: Info) {
    guard pieces[piece], verified[piece] != isVerified else { return }
    verified[piece] = isVerified
    missing += isVerified ? -1 : 1
    var bytes: Int64 = 0
    info.forEachSegment(piece: piece, offset: 0, length: info.pieceSize(piece)) { segment in
      if !segment.isPadding, wanted[segment.file] { bytes += Int64(segment.length) }
    }
    doneBytes += isVerified ? bytes : -bytes
  }
}
