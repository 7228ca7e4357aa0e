import Bytes
import Digest

/// Hashes of one piece.
struct PieceHashes {
  var v1: SHA1Digest?
  var v2: SHA256Digest?
}

/// Reads pieces and hashes them for v1 and v2 in one go. Confined to one thread.
struct PieceHasher: ~Copyable {
  /// Small enough to stay in the processor's cache between reading and hashing, large enough that the
  /// system call does not count.
  static let chunk = 512 << 10

  private let plan: CreationPlan
  private let sha1 = SHA1()
  private let sha256 = SHA256()
  private var reader = SourceReader()
  private var buffer: [UInt8]
  private var leaves: [UInt8] = []

  init(_ plan: CreationPlan) {
    self.plan = plan
    buffer = [UInt8](repeating: 0, count: min(Self.chunk, plan.pieceLength))
  }

  mutating func hash(_ piece: Int) throws(CreationError) -> PieceHashes {
    let start = plan.start(ofPiece: piece)
    let size = plan.size(ofPiece: piece)
    let content = plan.version.hasV2 ? plan.content(ofPiece: piece) : (length: 0, width: 1)
    leaves.removeAll(keepingCapacity: true)
    var offset = 0
    while offset < size {
      let length = min(buffer.count, size - offset)
      try fill(length, from: start + Int64(offset))
      if plan.version.hasV1 { sha1.update(buffer.rawBytes.extracting(0..<length)) }
      var leaf = 0
      while leaf < min(length, content.length - offset) {
        let end = min(leaf + MerkleTree.leafSize, content.length - offset)
        sha256.update(buffer.rawBytes.extracting(leaf..<end))
        sha256.finish().append(to: &leaves)
        leaf = end
      }
      offset += length
    }
    var hashes = PieceHashes()
    if plan.version.hasV1 { hashes.v1 = sha1.finish() }
    if plan.version.hasV2 {
      hashes.v2 = MerkleTree.root(&leaves, width: content.width, level: 0, sha256)
    }
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
