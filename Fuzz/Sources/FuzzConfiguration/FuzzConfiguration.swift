import Configuration
import FuzzDriver

/// Whatever is in a file of settings, it is read to the end, and what was read is told without contradiction.
@main
enum FuzzConfiguration {
  static func main() {
    let code = fuzz { start, count in
      FuzzConfiguration.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    let file = ConfigurationFile(input)
    let lines = 1 + input.count { $0 == 0x0a }
    precondition(file.faults.count <= ConfigurationFile.maximumFaults)
    for fault in file.faults {
      precondition(
        (1...lines).contains(fault.place.line) && (1...input.count + 1).contains(fault.place.column))
      precondition(!fault.problem.isEmpty)
    }
    precondition(Set(file.entries.map(\.key)).count == file.entries.count, "a key is there twice")
    for entry in file.entries {
      precondition(!entry.key.isEmpty && entry.place.line <= entry.valuePlace.line)
      // What is text reads back the same once it was written.
      guard case .string(let text) = entry.value else { continue }
      let again = ConfigurationFile(Array("a = \(ConfigurationValue.quoted(text))\n".utf8))
      precondition(again.faults.isEmpty && again.entries.first?.value == entry.value)
    }
  }
}
