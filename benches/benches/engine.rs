//! What one touchpoint costs the engine: look-up, push, rules and rows; without decoding Avro, Kafka or a disk.
#![allow(missing_docs, reason = "criterion's macros make the items")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use motmot_benches::{Record, STRATEGY, calls};
use motmot_core::codec::{self, Take};
use motmot_core::cycle::CycleRecord;
use motmot_core::engine::{Engine, NoCold, Position, Sink};
use motmot_core::{Moment, Strategy};

/// Counts rows, so that making them is not optimised away.
#[derive(Default)]
struct Count(u64);

impl Sink for Count {
    fn moment(&mut self, moment: &Moment<'_>, evidence: &[i64]) {
        self.0 += black_box(moment.moment_id.len() + evidence.len()) as u64;
    }
    fn cycle(&mut self, cycle: &CycleRecord<'_>, evidence: &[i64]) {
        self.0 += black_box(cycle.touchpoints.len() + evidence.len()) as u64;
    }
    fn cycle_gone(&mut self, _: &str, _: &str) {
        self.0 += 1;
    }
}

fn fold(strategy: &Arc<Strategy>, records: &[Record], batch: usize) -> u64 {
    let mut engine = Engine::new(Arc::clone(strategy), NoCold, Position::START);
    let mut sink = Count::default();
    for chunk in records.chunks(batch) {
        for (record, offset) in chunk.iter().zip(0..) {
            let touchpoint = codec::decode(&mut Take(&record.touchpoint)).expect("encoded above");
            engine.apply(&record.key, &touchpoint, record.arrived_at, offset, &mut sink).expect("nothing is cold");
        }
        let target = engine.position().stream_time;
        while !engine.advance(target, 10_000, &mut sink).expect("nothing is cold") {}
    }
    sink.0
}

fn engine(criterion: &mut Criterion) {
    let strategy = Arc::new(Strategy::load("strategy.yaml", STRATEGY).expect("a good strategy"));
    let records = calls(20_000);
    let mut group = criterion.benchmark_group("engine");
    group.throughput(Throughput::Elements(records.len() as u64)).sample_size(20);
    // a batch of 100 is a busy partition at its head, 10,000 one that catches up
    for batch in [100, 10_000] {
        group.bench_function(format!("batch of {batch}"), |bencher| {
            bencher.iter_batched(|| (), |()| fold(&strategy, &records, batch), BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, engine);
criterion_main!(benches);
