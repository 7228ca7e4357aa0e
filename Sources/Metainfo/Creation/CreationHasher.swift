import Bytes
import Digest

/// Hashes of one piece.
struct PieceHashes {
  var v1: SHA1Digest?
  var v2: SHA256Digest?
}

/// Reads pieces and hashes them for v1 and v2 in one go, up to 16 side by side. Confined to one thread.
@safe
struct CreationHasher: ~Copyable {
  /// Small enough to stay in the processor's cache between reading and hashing, large enough that the
  /// system calls do not count.
  static let buffer = 512 << 10
  /// What the system is asked to have ready of each piece.
  private static let window = 1 << 20

  private let plan: CreationPlan
  private let hasher = PieceHasher()
  private var reader = SourceReader()
  private let buffer: UnsafeMutableRawBufferPointer

  init(_ plan: CreationPlan) {
    self.plan = plan
    unsafe buffer = .allocate(byteCount: Self.buffer, alignment: 4096)
  }

  deinit { unsafe buffer.deallocate() }

  /// How many pieces to hash at once. SHA-1 needs 16 to fill the processor's lanes; trees do with one of
  /// 16 leaves, which is read from its start to its end.
  static func width(_ plan: CreationPlan) -> Int {
    plan.version.hasV1
      ? PieceHasher.width : min(PieceHasher.width, max(1, Self.buffer / plan.pieceLength))
  }

  /// The hashes of `pieces`, at most 16 of them, given to `note` one after the other.
  mutating func hash(
    _ pieces: Range<Int>, note: (Int, PieceHashes) -> Void
  ) throws(CreationError) {
    var longest = 0
    for (lane, piece) in pieces.enumerated() {
      let length = plan.version.hasV2 ? plan.content(ofPiece: piece).length : 0
      hasher.begin(lane: lane, v1: plan.version.hasV1, treeLength: length)
      longest = max(longest, plan.size(ofPiece: piece))
    }
    // A multiple of a leaf: 16 pieces have 32 KiB each.
    let chunk = min(Self.buffer / pieces.count, longest + 16383) & ~16383
    for offset in stride(from: 0, to: longest, by: chunk) {
      for (lane, piece) in pieces.enumerated() {
        let length = min(chunk, plan.size(ofPiece: piece) - offset)
        guard length > 0 else { continue }
        let part = unsafe UnsafeMutableRawBufferPointer(
          rebasing: buffer[lane * chunk..<lane * chunk + length])
        try unsafe fill(part, from: plan.start(ofPiece: piece) + Int64(offset))
        unsafe hasher.set(UnsafeRawBufferPointer(part), lane: lane)
        if offset % Self.window < chunk { expect(piece, from: offset) }
      }
      hasher.update()
    }
    for (lane, piece) in pieces.enumerated() {
      var hashes = PieceHashes()
      if plan.version.hasV1 { hashes.v1 = hasher.v1(lane: lane) }
      if plan.version.hasV2 { hashes.v2 = hasher.root(lane: lane, width: plan.content(ofPiece: piece).width) }
      note(piece, hashes)
    }
  }

  /// Has the system read what comes after the present window of a piece.
  private func expect(_ piece: Int, from offset: Int) {
    let start = offset == 0 ? 0 : offset + Self.window
    let length = min(offset + 2 * Self.window, plan.size(ofPiece: piece)) - start
    guard length > 0 else { return }
    let segments = Segments(
      extents: plan.extents, start: plan.start(ofPiece: piece) + Int64(start), length: length)
    for segment in segments where !segment.isPadding {
      if let index = plan.source[segment.file] {
        reader.expect(index: index, at: segment.fileOffset, segment.length)
      }
    }
  }

  /// Fills `part` with bytes of piece space.
  private mutating func fill(
    _ part: UnsafeMutableRawBufferPointer, from start: Int64
  ) throws(CreationError) {
    var position = 0
    for segment in Segments(extents: plan.extents, start: start, length: part.count) {
      let range = unsafe UnsafeMutableRawBufferPointer(
        rebasing: part[position..<position + segment.length])
      if let index = plan.source[segment.file], !segment.isPadding {
        try unsafe reader.read(plan.sources[index], index: index, at: segment.fileOffset, into: range)
      } else {
        unsafe range.initializeMemory(as: UInt8.self, repeating: 0)
      }
      position += segment.length
    }
  }
}
