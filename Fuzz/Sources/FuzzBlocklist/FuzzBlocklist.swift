import Addresses
import Blocklist
import Bytes
import FuzzDriver

/// A list says the same however it is cut, gzip or not, and never takes more than its limits.
@main
enum FuzzBlocklist {
  static func main() {
    let code = fuzz { start, count in
      FuzzBlocklist.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    guard let first = input.first else { return }
    let list = Array(input.dropFirst())
    let whole = read([list])
    let size = Int(first) + 1
    let cut = read(
      stride(from: 0, to: list.count, by: size).map { Array(list[$0..<min($0 + size, list.count)]) })
    precondition(whole?.report == cut?.report, "what a list says depends on how it is cut")
    guard let whole, let cut else { return }
    precondition(whole.list.rangeCount == cut.list.rangeCount)
    precondition(whole.list.rangeCount <= 3 * whole.report.ranges)
    precondition(whole.report.malformed >= whole.report.faults.count)
    // Addresses that the input itself spells somewhere, in binary.
    for offset in stride(from: 0, to: max(0, list.count - 16), by: 7) {
      let short = IPAddress(list.rawBytes, at: offset, isV6: false)
      let long = IPAddress(list.rawBytes, at: offset, isV6: true)
      precondition(whole.list.contains(short) == cut.list.contains(short))
      precondition(whole.list.contains(long) == cut.list.contains(long))
    }
  }

  private static func read(_ parts: [[UInt8]]) -> (list: Blocklist, report: BlocklistReport)? {
    var limits = BlocklistLimits()
    limits.bytes = 1 << 20
    limits.ranges = 10_000
    var reader = BlocklistReader(limits: limits)
    do {
      for part in parts { try reader.take(part.rawBytes) }
      let report = try reader.endOfList()
      return (reader.blocklist(), report)
    } catch {
      precondition(!"\(error)".isEmpty)
      return nil
    }
  }
}
