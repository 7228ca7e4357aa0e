/// A run of bytes of a piece that lies in one file.
public struct Segment: Sendable, Equatable {
  /// The file's index in `Info.files`.
  public let file: Int
  /// Where the run begins in that file. Behind its end for the implicit padding of v2.
  public let fileOffset: Int64
  /// Bytes in the run, at least 1.
  public let length: Int
  /// Whether the bytes are zeros that no file holds: a pad file, or the space behind a file's end.
  public let isPadding: Bool

  /// A run of `length` bytes from `fileOffset` of file `file`.
  public init(file: Int, fileOffset: Int64, length: Int, isPadding: Bool) {
    self.file = file
    self.fileOffset = fileOffset
    self.length = length
    self.isPadding = isPadding
  }
}

/// The runs of a stretch of piece space in order, found one at a time without allocation.
public struct Segments: Sequence, IteratorProtocol, Sendable {
  let extents: [Extent]
  var file: Int
  var position: Int64
  let end: Int64

  init(extents: [Extent], start: Int64, length: Int) {
    self.extents = extents
    position = start
    end = start + Int64(length)
    file = extents.fileIndex(at: start)
  }

  /// The next run.
  public mutating func next() -> Segment? {
    while position < end {
      let extent = extents[file]
      let offset = position - extent.offset
      let isLast = file + 1 == extents.count
      if offset < extent.length {
        let length = Swift.min(end - position, extent.length - offset)
        position += length
        return Segment(file: file, fileOffset: offset, length: Int(length), isPadding: extent.isPadding)
      }
      let limit = isLast ? end : Swift.min(end, extents[file + 1].offset)
      if position < limit {
        let length = limit - position
        position = limit
        return Segment(file: file, fileOffset: offset, length: Int(length), isPadding: true)
      }
      file += 1
    }
    return nil
  }
}

/// Where a file lies in piece space: what the hot path needs of it.
struct Extent: Sendable {
  let offset: Int64
  let length: Int64
  let isPadding: Bool
}

extension [Extent] {
  /// The last file that begins at or before `position`: the one with content there, if one has. Files
  /// without content share their offset with the next file. O(log n).
  func fileIndex(at position: Int64) -> Int {
    var low = 0
    var high = count
    while high - low > 1 {
      let middle = (low + high) / 2
      if self[middle].offset <= position { low = middle } else { high = middle }
    }
    return low
  }

  /// Bytes of the piece that begins at `start`. In v1 and hybrids only the end of piece space cuts a
  /// piece short; in v2 the end of each file does.
  func pieceSize(at start: Int64, pieceLength: Int, version: TorrentVersion) -> Int {
    let file = self[version.hasV1 ? count - 1 : fileIndex(at: start)]
    return Int(Swift.min(Int64(pieceLength), file.offset + file.length - start))
  }
}
