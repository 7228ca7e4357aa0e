import Bytes
import EventLoop
import Metainfo
import Transfer

/// Blocks that follow each other, being fetched from a web seed: one request for each file that they lie in,
/// one after the other. Zeros between files are made here.
final class WebRun: HTTPStreamReceiver {
  /// Files up to this length are also taken from a server that sends the whole for a part.
  private static let smallFile: Int64 = 1 << 20
  private static let zeros = [UInt8](repeating: 0, count: Block.size)

  let seed: WebSeed
  private let blocks: [Block]
  private var nextBlock = 0
  private let segments: [Segment]
  private var segment = 0
  /// What is here of the next block.
  private var gathered: [UInt8] = []
  private var transfer: Transfer?
  private var isAnswered = false
  /// Bytes to pass over, and bytes to come of the segment.
  private var toSkip = 0
  private var left = 0

  init(_ seed: WebSeed, _ blocks: [Block], _ segments: [Segment]) {
    self.seed = seed
    self.blocks = blocks
    self.segments = segments
  }

  /// Blocks that have not been handed on.
  var missing: ArraySlice<Block> { blocks[nextBlock...] }

  /// Whether a part of a file is still to come with it.
  func needs(_ file: Int) -> Bool { segments[segment...].contains { !$0.isPadding && $0.file == file } }

  /// Asks for the next segment, or tells the seed that there is none.
  func goOn(on loop: isolated Loop) {
    while segment < segments.count {
      let part = segments[segment]
      left = part.length
      toSkip = 0
      isAnswered = false
      guard part.isPadding else {
        transfer = seed.fetch(part, receiver: self, on: loop)
        return
      }
      while left > 0, seed.isUnderWay(self) {
        let count = min(left, Block.size)
        take(Self.zeros.rawBytes.extracting(0..<count), on: loop)
      }
      guard seed.isUnderWay(self) else { return }
      segment += 1
    }
    seed.finished(self, on: loop)
  }

  /// Gives up, telling nobody.
  func cancel(on loop: isolated Loop) {
    transfer?.cancel(on: loop)
    transfer = nil
  }

  func pause() { transfer?.pause() }

  func resume(on loop: isolated Loop) { transfer?.resume(on: loop) }

  // MARK: What comes

  func received(_ transfer: Transfer, _ bytes: RawSpan, on loop: isolated Loop) {
    guard seed.isUnderWay(self) else { return transfer.cancel(on: loop) }
    guard accepts(transfer.head, on: loop) else { return }
    let start = min(toSkip, bytes.byteCount)
    toSkip -= start
    let isWhole = transfer.head.status == 200
    guard isWhole || bytes.byteCount - start <= left else { return seed.failed(self, .wrongLength, on: loop) }
    let count = min(bytes.byteCount - start, left)
    take(bytes.extracting(start..<start + count), on: loop)
    guard seed.isUnderWay(self) else { return }
    seed.arrived(count, on: loop)
    guard isWhole, left == 0, seed.isUnderWay(self) else { return }
    // The rest of the file is not wanted.
    cancel(on: loop)
    segment += 1
    goOn(on: loop)
  }

  func ended(_ transfer: Transfer, _ error: HTTPError?, on loop: isolated Loop) {
    self.transfer = nil
    guard seed.isUnderWay(self) else { return }
    if let error { return seed.failed(self, .http(error), on: loop) }
    guard accepts(transfer.head, on: loop) else { return }
    guard left == 0 else { return seed.failed(self, .wrongLength, on: loop) }
    segment += 1
    goOn(on: loop)
  }

  /// Looks at an answer's head, once. False if it is not what was asked for: then this is over.
  private func accepts(_ head: HTTPHead, on loop: isolated Loop) -> Bool {
    guard !isAnswered else { return true }
    isAnswered = true
    guard let fault = fault(of: head) else { return true }
    seed.failed(self, fault, on: loop)
    return false
  }

  private func fault(of head: HTTPHead) -> WebSeedFault? {
    let part = segments[segment]
    let length = seed.torrent.info.files[part.file].length
    switch head.status {
    case 206:
      let range = part.fileOffset..<part.fileOffset + Int64(part.length)
      guard let answer = head.contentRange, answer.range == range, answer.total ?? length == length,
        head.contentLength ?? Int64(part.length) == Int64(part.length)
      else { return .wrongLength }
      return nil
    case 200:
      guard length <= Self.smallFile else { return .ignoresRanges }
      guard head.contentLength ?? length == length else { return .wrongLength }
      toSkip = Int(part.fileOffset)
      return nil
    case 404, 410: return .absent(file: part.file)
    case 416: return .wrongLength
    case 429, 503: return .busy(status: head.status, seconds: head.retryAfter)
    case 500...: return .failing(status: head.status)
    default: return .refused(status: head.status)
    }
  }

  /// Puts bytes of the segment together to blocks and hands those on.
  private func take(_ bytes: RawSpan, on loop: isolated Loop) {
    var offset = 0
    left -= bytes.byteCount
    while offset < bytes.byteCount, nextBlock < blocks.count {
      let block = blocks[nextBlock]
      let size = seed.torrent.geometry.length(block)
      let count = min(size - gathered.count, bytes.byteCount - offset)
      if count == size {
        nextBlock += 1
        seed.deliver(block, bytes, offset..<offset + count, on: loop)
      } else {
        unsafe bytes.extracting(offset..<offset + count).withUnsafeBytes {
          unsafe gathered.append(contentsOf: $0)
        }
        if gathered.count == size { deliverGathered(block, on: loop) }
      }
      guard seed.isUnderWay(self) else { return }
      offset += count
    }
  }

  private func deliverGathered(_ block: Block, on loop: isolated Loop) {
    nextBlock += 1
    var whole: [UInt8] = []
    swap(&whole, &gathered)
    seed.deliver(block, whole.rawBytes, 0..<whole.count, on: loop)
    whole.removeAll(keepingCapacity: true)
    gathered = whole
  }
}
