internal import Bytes

/// Reads one list or several into a `Blocklist`: plain text or gzip, in pieces of any size.
///
/// Lines that are not understood are counted and passed over. Memory: 8 bytes a range of IPv4, 32 of IPv6, and as
/// much again while they are put in order.
public struct BlocklistReader {
  /// Lines that are kept to be shown, and bytes of each.
  private static let faultLimit = 5
  private static let faultLength = 80

  private let limits: BlocklistLimits
  private var set = RangeSet()
  private var report = BlocklistReport()
  private var gunzip: Gunzip?
  /// Bytes of the source that came before it is known what it is.
  private var start: [UInt8] = []
  private var isKnown = false
  /// The beginning of a line that is not whole yet.
  private var line: [UInt8] = []
  private var isTooLong = false
  private var lines = 0
  private var bytes = 0
  private var failure: BlocklistError?

  /// Nothing read yet.
  public init(limits: BlocklistLimits = BlocklistLimits()) { self.limits = limits }

  /// The next bytes of a list.
  /// - Throws: what makes the list useless. What was read of it before stays; start anew.
  public mutating func take(_ next: RawSpan) throws(BlocklistError) {
    if isKnown { return try unpack(next) }
    start += next.array(0..<next.byteCount)
    guard start.count >= 2 else { return }
    isKnown = true
    if start[0] == 0x1f, start[1] == 0x8b { gunzip = Gunzip() }
    let first = start
    start = []
    try unpack(first.rawBytes)
  }

  /// The list has ended. The next bytes are another list's.
  public mutating func endOfList() throws(BlocklistError) -> BlocklistReport {
    if !isKnown {
      let first = start
      start = []
      try read(first.rawBytes)
    }
    if let gunzip, !gunzip.isComplete { throw .truncated }
    if !line.isEmpty || isTooLong { endOfLine() }
    if let failure { throw failure }
    let found = report
    report = BlocklistReport()
    gunzip = nil
    isKnown = false
    lines = 0
    bytes = 0
    return found
  }

  /// All that was read.
  public consuming func blocklist() -> Blocklist { Blocklist(set) }

  private mutating func unpack(_ next: RawSpan) throws(BlocklistError) {
    guard let gunzip else { return try read(next) }
    let outcome = gunzip.unpack(next) { piece in
      do throws(BlocklistError) {
        try read(piece)
        return true
      } catch {
        failure = error
        return false
      }
    }
    if let failure { throw failure }
    if case .broken = outcome { throw .broken }
  }

  /// Text, cut anywhere.
  private mutating func read(_ text: RawSpan) throws(BlocklistError) {
    bytes += text.byteCount
    guard bytes <= limits.bytes else { throw .tooLarge(limit: limits.bytes) }
    var from = 0
    for index in 0..<text.byteCount where text.byte(at: index) == 10 {
      if line.isEmpty, !isTooLong, index - from <= limits.line {
        lines += 1
        note(text.extracting(from..<index))
      } else {
        gather(text.extracting(from..<index))
        endOfLine()
      }
      from = index + 1
    }
    gather(text.extracting(from..<text.byteCount))
    guard set.count <= limits.ranges else { throw .tooManyRanges(limit: limits.ranges) }
  }

  private mutating func gather(_ part: RawSpan) {
    guard !isTooLong else { return }
    let room = limits.line - line.count
    line += part.array(0..<min(part.byteCount, room))
    isTooLong = part.byteCount > room
  }

  private mutating func endOfLine() {
    lines += 1
    let whole = line
    line = []
    if isTooLong { fault(whole.rawBytes) } else { note(whole.rawBytes) }
    isTooLong = false
  }

  private mutating func note(_ text: RawSpan) {
    switch BlocklistLine(text) {
    case .range(let range):
      report.ranges += 1
      set.insert(range)
    case .blank: break
    case .allowed: report.allowed += 1
    case .malformed: fault(text)
    }
  }

  private mutating func fault(_ text: RawSpan) {
    report.malformed += 1
    guard report.faults.count < Self.faultLimit else { return }
    let beginning = text.array(0..<min(text.byteCount, Self.faultLength)).map {
      $0 < 32 || $0 == 127 ? 32 : $0
    }
    report.faults.append(.init(line: lines, text: String(decoding: beginning, as: UTF8.self)))
  }
}
