import Bytes
import Digest

/// Hashes of one piece.
struct PieceHashes {
  var v1: SHA1Digest?
  var v2: SHA256Digest?
}

/// Reads pieces and hashes them for v1 and v2 in one go. Confined to one thread.
struct CreationHasher: ~Copyable {
  /// Small enough to stay in the processor's cache between reading and hashing, large enough that the
  /// system call does not count.
  static let chunk = 512 << 10

  private let plan: CreationPlan
  private let hasher = PieceHasher()
  private var reader = SourceReader()
  private var buffer: [UInt8]

  init(_ plan: CreationPlan) {
    self.plan = plan
    buffer = [UInt8](repeating: 0, count: min(Self.chunk, plan.pieceLength))
  }

  mutating func hash(_ piece: Int) throws(CreationError) -> PieceHashes {
    let start = plan.start(ofPiece: piece)
    let size = plan.size(ofPiece: piece)
    let content = plan.version.hasV2 ? plan.content(ofPiece: piece) : (length: 0, width: 1)
    hasher.begin(v1: plan.version.hasV1, treeLength: content.length)
    var offset = 0
    while offset < size {
      let length = min(buffer.count, size - offset)
      try fill(length, from: start + Int64(offset))
      unsafe buffer.withUnsafeBytes { bytes in
        unsafe hasher.take(UnsafeRawBufferPointer(rebasing: bytes[..<length]))
      }
      offset += length
    }
    var hashes = PieceHashes()
    if plan.version.hasV1 { hashes.v1 = hasher.v1() }
    if plan.version.hasV2 { hashes.v2 = hasher.root(width: content.width) }
    return hashes
  }

  /// Fills the start of the buffer with `length` bytes of piece space.
  private mutating func fill(_ length: Int, from start: Int64) throws(CreationError) {
    var position = 0
    for segment in Segments(extents: plan.extents, start: start, length: length) {
      let range = position..<position + segment.length
      if let index = plan.source[segment.file], !segment.isPadding {
        try reader.read(
          plan.sources[index], index: index, at: segment.fileOffset, into: &buffer, range)
      } else {
        for zero in range { buffer[zero] = 0 }
      }
      position = range.upperBound
    }
  }
}
