public import EventLoop
internal import Glibc
import Metainfo

/// Blocks that one peer asked for, read into one buffer as they go over the wire: each with its
/// message header before it (BEP 3: length, id 7, index, begin). Submit it to a `DiskPool`.
///
/// Reusable: one or two for each peer serve all its requests without allocation.
/// Unchecked `Sendable`: the disk thread has it between submission and delivery, the loop before and
/// after.
public final class BlockRead: DiskJob, Completion, @unchecked Sendable {
  /// One block.
  public struct Block: Sendable, Equatable {
    /// The piece, and where in it the block begins and how long it is, in bytes.
    public var piece: Int
    /// See `piece`.
    public var begin: Int
    /// See `piece`.
    public var length: Int
    /// Where its message begins in the buffer; `nil` if it could not be read.
    public internal(set) var offset: Int?

    /// A block to be read.
    public init(piece: Int, begin: Int, length: Int) {
      self.piece = piece
      self.begin = begin
      self.length = length
    }
  }

  /// Bytes of a block's header on the wire.
  public static let headerLength = 13

  /// What to read; after delivery each with its place in the buffer. They must lie inside of their
  /// pieces: one that does not is not read.
  public private(set) var blocks: [Block] = []
  /// The messages, one after the other. `nil` before delivery, and if there was no memory for them:
  /// then all blocks are still to be read.
  public private(set) var buffer: PieceBuffer?
  /// Bytes of `buffer` that are filled.
  public private(set) var byteCount = 0
  /// Why blocks without an offset could not be read, if there are any.
  public private(set) var failure: StorageError?
  private let storage: TorrentStorage
  private let pool: PieceBufferPool
  private let loop: Loop
  private var then: ((isolated Loop, BlockRead) -> Void)?

  /// An empty batch.
  ///
  /// - Parameters:
  ///   - storage: the torrent's files.
  ///   - pool: where the buffer comes from.
  ///   - loop: where the result goes.
  ///   - then: called there after each submission. Dropped by `cancel` only, so it should not hold its
  ///     owner strongly.
  public init(
    storage: TorrentStorage, pool: PieceBufferPool, loop: Loop,
    then: @escaping (isolated Loop, BlockRead) -> Void
  ) {
    self.storage = storage
    self.pool = pool
    self.loop = loop
    self.then = then
  }

  /// Makes room for so many blocks, at the cost of one allocation for all of them.
  public func reserve(_ count: Int) { blocks.reserveCapacity(count) }

  /// Adds a block to the batch. Blocks that follow each other in a piece are read in one go.
  public func append(piece: Int, begin: Int, length: Int) {
    blocks.append(Block(piece: piece, begin: begin, length: length))
  }

  /// Empties the batch for the next one and lets go of the buffer.
  public func reset() {
    blocks.removeAll(keepingCapacity: true)
    buffer = nil
    byteCount = 0
    failure = nil
  }

  /// Nobody is to be told any more. On the loop.
  public func cancel() { then = nil }

  /// Reads, then delivers itself.
  public func run(on thread: DiskThread) {
    buffer = pool.take(blocks.reduce(0) { $0 + max(0, $1.length) + Self.headerLength })
    if let memory = buffer {
      var first = 0
      while first < blocks.count {
        let end = endOfRun(from: first)
        if unsafe !read(first..<end, into: memory.memory, thread) {
          // One of them is at fault: find out which.
          for index in first..<end where end - first > 1 {
            _ = unsafe read(index..<index + 1, into: memory.memory, thread)
          }
        }
        first = end
      }
    }
    loop.deliver(self)
  }

  /// Tells the owner.
  public func complete(on loop: isolated Loop) { then?(loop, self) }

  private func endOfRun(from first: Int) -> Int {
    var end = first + 1
    while end < blocks.count, end - first < DiskThread.vectorLimit, blocks[end].piece == blocks[first].piece,
      blocks[end].begin == blocks[end - 1].begin + blocks[end - 1].length
    {
      end += 1
    }
    return end
  }

  private func read(
    _ run: Range<Int>, into memory: UnsafeMutableRawBufferPointer, _ thread: DiskThread
  ) -> Bool {
    let piece = blocks[run.lowerBound].piece
    let begin = blocks[run.lowerBound].begin
    var position = byteCount
    var length = 0
    for (slot, index) in run.enumerated() {
      let block = blocks[index]
      guard block.length > 0, block.begin >= 0, piece >= 0, piece < storage.info.pieceCount else {
        return false
      }
      unsafe thread.vectors[slot] = unsafe iovec(
        iov_base: memory.baseAddress.map { unsafe $0 + position + Self.headerLength }, iov_len: block.length)
      position += Self.headerLength + block.length
      length += block.length
    }
    // In v2 a piece ends with its file; some clients ask for the space behind that, and get zeros.
    let info = storage.info
    let limit = info.version == .v2 ? info.pieceLength : info.pieceSize(piece)
    guard length <= limit - begin else { return false }
    if begin == 0 { storage.willRead(piece: piece, offset: 0, length: storage.info.pieceSize(piece)) }
    do throws(StorageError) {
      let vectors = unsafe UnsafeMutableBufferPointer(rebasing: thread.vectors[..<run.count])
      try unsafe storage.read(piece: piece, offset: begin, length: length, into: vectors)
    } catch {
      failure = error
      return false
    }
    for index in run {
      blocks[index].offset = byteCount
      unsafe Self.header(of: blocks[index], to: memory, at: byteCount)
      byteCount += Self.headerLength + blocks[index].length
    }
    return true
  }

  private static func header(of block: Block, to memory: UnsafeMutableRawBufferPointer, at offset: Int) {
    unsafe memory.storeBytes(of: UInt32(block.length + 9).bigEndian, toByteOffset: offset, as: UInt32.self)
    unsafe memory.storeBytes(of: 7, toByteOffset: offset + 4, as: UInt8.self)
    unsafe memory.storeBytes(of: UInt32(block.piece).bigEndian, toByteOffset: offset + 5, as: UInt32.self)
    unsafe memory.storeBytes(of: UInt32(block.begin).bigEndian, toByteOffset: offset + 9, as: UInt32.self)
  }
}
