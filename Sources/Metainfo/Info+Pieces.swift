public import Digest

extension Info {
  /// Bytes of a piece on the wire: the piece length, but less for the last piece of v1 and hybrids, and
  /// for the last piece of each file of v2. O(log files) for v2, else O(1). A piece outside traps.
  public func pieceSize(_ piece: Int) -> Int {
    precondition(piece >= 0 && piece < pieceCount)
    return storage.extents.pieceSize(
      at: Int64(piece) * Int64(pieceLength), pieceLength: pieceLength, version: version)
  }

  /// The runs of `length` bytes from `offset` of a piece. In v2 the stretch may reach into the space
  /// between a file's end and the next piece; that is padding. Finds the first run in O(log files) and
  /// allocates nothing.
  public func segmentSequence(piece: Int, offset: Int, length: Int) -> Segments {
    precondition(piece >= 0 && piece < pieceCount && offset >= 0 && length >= 0)
    return Segments(
      extents: storage.extents, start: Int64(piece) * Int64(pieceLength) + Int64(offset), length: length)
  }

  /// The same runs as an array.
  public func segments(piece: Int, offset: Int, length: Int) -> [Segment] {
    Array(segmentSequence(piece: piece, offset: offset, length: length))
  }

  /// Calls `body` with each of the same runs; allocates nothing.
  public func forEachSegment(piece: Int, offset: Int, length: Int, _ body: (Segment) -> Void) {
    for segment in segmentSequence(piece: piece, offset: offset, length: length) { body(segment) }
  }

  /// The file that a piece belongs to: for v2 and hybrids the only one with content in it, for v1 the
  /// first. O(log files).
  public func fileIndex(ofPiece piece: Int) -> Int {
    storage.extents.fileIndex(at: Int64(piece) * Int64(pieceLength))
  }

  /// The first file with this Merkle root. O(1).
  public func fileIndex(ofRoot root: SHA256Digest) -> Int? { storage.filesByRoot[root] }

  /// Bytes at the end of a piece that are pad files (v1, hybrid); 0 if there are none.
  public func padding(inPiece piece: Int) -> Int {
    let start = Int64(piece) * Int64(pieceLength)
    let end = start + Int64(pieceSize(piece))
    var position = end
    var file = storage.extents.fileIndex(at: end - 1)
    while position > start, storage.extents[file].isPadding || storage.extents[file].length == 0 {
      position = max(start, storage.extents[file].offset)
      if file == 0 { break }
      file -= 1
    }
    return Int(end - position)
  }
}
