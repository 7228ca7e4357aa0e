// swift-tools-version: 6.2
import PackageDescription

// Times and counts of the parts that everything passes through. A package of its own, so that users of the
// library never see it. It measures what the engine keeps to itself, so the engine is built for testing:
// `swift build -c release -Xswiftc -enable-testing`; scripts/bench-micro does so.

let package = Package(
  name: "benchmarks",
  dependencies: [.package(name: "apus", path: "..")],
  targets: [
    .target(name: "CCounters"),
    .target(name: "CCrowd"),
    .executableTarget(
      name: "Crowds",
      dependencies: ["CCrowd"]
        + ["BitTorrent", "Metainfo"].map {
          .product(name: $0, package: "apus")
        },
      swiftSettings: [
        .swiftLanguageMode(.v6),
        .treatAllWarnings(as: .error),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
      ]),
    .executableTarget(
      name: "Benchmarks",
      dependencies: ["CCounters"]
        + ["Bencode", "BitTorrent", "Blocklist", "Metainfo", "PeerProtocol", "TrackerServer", "UTP"].map {
          .product(name: $0, package: "apus")
        },
      swiftSettings: [
        .swiftLanguageMode(.v6),
        .treatAllWarnings(as: .error),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
      ]),
  ]
)
