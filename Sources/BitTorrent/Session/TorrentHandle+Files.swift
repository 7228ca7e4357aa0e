import EventLoop
import Metainfo

// Files of a torrent: how much they are wanted, in which order they come, and their bytes.
extension TorrentHandle {
  /// Changes how much a file is wanted, from now on. Numbers that name no file are passed over.
  ///
  /// A file that becomes wanted gets what is kept of it apart; one that becomes unwanted keeps what it has, and
  /// is not written to again. The change holds until the torrent is removed; whoever adds it another time
  /// gives the priorities again.
  public func setPriority(_ file: Int, _ priority: FilePriority) async {
    await setPriorities([file: priority])
  }

  /// The same for several files at once.
  public func setPriorities(_ priorities: [Int: FilePriority]) async {
    await seat.loop.perform { loop in seat.value(on: loop).set(priorities, on: loop) }
  }

  /// How much each file is wanted; padding is not. Empty while the torrent is not in memory and nothing was set.
  public func priorities() async -> [FilePriority] {
    await seat.loop.perform { loop in seat.value(on: loop).priorities }
  }

  /// Sets whether pieces of the same priority are fetched in their order.
  public func setSequential(_ isSequential: Bool) async {
    await seat.loop.perform { loop in seat.value(on: loop).set(isSequential: isSequential) }
  }

  /// Sets when pieces should be here: they are fetched before all others, the nearest first, and what comes
  /// too slowly is asked of a faster peer as well. Pieces that are not wanted are passed over.
  ///
  /// - Parameters:
  ///   - pieces: by their number in the torrent.
  ///   - seconds: from now; `nil` takes the deadlines back.
  public func setDeadline(_ pieces: Range<Int>, within seconds: Double?) async {
    await seat.loop.perform { loop in seat.value(on: loop).set(deadline: seconds, of: pieces, on: loop) }
  }

  /// The most that one `read` gives: 4 MiB.
  public static let maximumRead = 4 << 20

  /// Bytes of a file, as soon as they are here: verified and written. What is missing of them is fetched before
  /// everything else, and what comes after them next, so that a reader that goes on in steps finds its bytes
  /// there. Any number of readers may wait; a few at a time read from disk, 4 of one torrent.
  ///
  /// - Parameters:
  ///   - file: the file's index in the torrent.
  ///   - range: which bytes, at most `maximumRead`; for more, read in steps, or see `bytes(of:range:)`.
  /// - Returns: all bytes of the range.
  /// - Throws: `ReadError`; `.cancelled` when the task is cancelled, `.stopped` when the torrent stops or is
  ///   removed meanwhile.
  public func read(file: Int, range: Range<Int64>) async throws(ReadError) -> [UInt8] {
    let read = FileRead(file: file, range: range, since: .now)
    await seat.loop.perform { loop in seat.value(on: loop).read(read, on: loop) }
    return try await read.outcome().get()
  }

  /// A stretch of a file of any length, in chunks as they come.
  ///
  /// - Parameters:
  ///   - file: the file's index in the torrent.
  ///   - range: which bytes.
  ///   - chunk: bytes in each but the last chunk, at most `maximumRead`.
  /// - Returns: a sequence that reads as it is iterated over, from the beginning each time.
  public func bytes(of file: Int, range: Range<Int64>, chunk: Int = 256 << 10) -> FileBytes {
    FileBytes(handle: self, file: file, range: range, chunk: Swift.max(1, Swift.min(chunk, Self.maximumRead)))
  }
}

/// A stretch of a file that is downloaded, in chunks. One chunk is in memory at a time.
public struct FileBytes: AsyncSequence, Sendable {
  /// One chunk.
  public typealias Element = [UInt8]
  /// Why it ended early.
  public typealias Failure = ReadError

  let handle: TorrentHandle
  let file: Int
  let range: Range<Int64>
  let chunk: Int

  /// Reads one chunk after the other.
  public struct Iterator: AsyncIteratorProtocol {
    private let bytes: FileBytes
    private var position: Int64

    init(_ bytes: FileBytes) {
      self.bytes = bytes
      position = bytes.range.lowerBound
    }

    /// The next chunk, once it is here.
    public mutating func next() async throws(ReadError) -> [UInt8]? {
      guard position < bytes.range.upperBound else { return nil }
      let end = Swift.min(position + Int64(bytes.chunk), bytes.range.upperBound)
      let chunk = try await bytes.handle.read(file: bytes.file, range: position..<end)
      position = end
      return chunk
    }

    /// The same.
    public mutating func next(isolation actor: isolated (any Actor)?) async throws(ReadError) -> [UInt8]? {
      try await next()
    }
  }

  /// Begins at the first byte.
  public func makeAsyncIterator() -> Iterator { Iterator(self) }
}
