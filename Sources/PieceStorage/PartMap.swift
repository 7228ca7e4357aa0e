import Metainfo

/// What the part store holds: of each file perhaps its first and its last piece's share, which are the pieces
/// that it can have in common with its neighbours.
///
/// The part store, `DIRECTORY/.apus/INFOHASH.parts`, begins with a header and one byte a file, its marks; then
/// come the edges of all files one after the other, each at a place of its own whether it is in use or not.
/// What is not in use is a hole.
struct PartMap {
  /// What a part store begins with, and bytes before the marks.
  static let magic: [UInt8] = Array("apus parts 1\n\0\0\0".utf8)
  /// The marks of a file: bytes of its first piece are in the store, and of its last one if that is another.
  static let first: UInt8 = 1
  static let last: UInt8 = 2

  /// What is in the store, a byte a file.
  var marks: [UInt8]
  /// Where the edges of each file begin in the store.
  private let starts: [Int64]

  /// The map of a store with these marks; of an empty one if there are none.
  init(_ info: Info, marks: [UInt8]? = nil) {
    self.marks = marks ?? [UInt8](repeating: 0, count: info.files.count)
    var starts: [Int64] = []
    starts.reserveCapacity(info.files.count)
    var end = (Int64(Self.magic.count + info.files.count) + 4095) / 4096 * 4096
    for file in info.files {
      starts.append(end)
      guard !file.isPadding, let only = Self.range(of: Self.first, file, info) else { continue }
      end += only.upperBound
      if let other = Self.range(of: Self.last, file, info) { end += other.upperBound - other.lowerBound }
    }
    self.starts = starts
  }

  /// Where a file's mark is in the store.
  static func position(ofMark file: Int) -> Int64 { Int64(magic.count + file) }

  /// Whether nothing is in the store.
  var isEmpty: Bool { marks.allSatisfy { $0 == 0 } }

  /// The edge of `file` that `piece` has bytes of; `nil` for a piece inside of it.
  static func edge(of file: File, in piece: Int) -> UInt8? {
    if piece == file.pieces.lowerBound { return first }
    return piece == file.pieces.upperBound - 1 ? last : nil
  }

  /// The bytes of a file that are one of its edges; `nil` if it has none such.
  static func range(of edge: UInt8, _ file: File, _ info: Info) -> Range<Int64>? {
    guard !file.pieces.isEmpty else { return nil }
    let length = Int64(info.pieceLength)
    if edge == first {
      return 0..<min(file.length, Int64(file.pieces.lowerBound + 1) * length - file.offset)
    }
    guard file.pieces.count > 1 else { return nil }
    return Int64(file.pieces.upperBound - 1) * length - file.offset..<file.length
  }

  /// Whether the bytes of `file` in `piece` are in the store.
  func holds(_ file: Int, of info: Info, in piece: Int) -> Bool {
    guard marks[file] != 0, let edge = Self.edge(of: info.files[file], in: piece) else { return false }
    return marks[file] & edge != 0
  }

  /// Where in the store an offset of a file is that lies in an edge.
  func position(of file: Int, _ offset: Int64, edge: UInt8, _ info: Info) -> Int64 {
    let entry = info.files[file]
    guard edge == Self.last, let first = Self.range(of: Self.first, entry, info),
      let last = Self.range(of: edge, entry, info)
    else { return starts[file] + offset }
    return starts[file] + first.upperBound + offset - last.lowerBound
  }
}
