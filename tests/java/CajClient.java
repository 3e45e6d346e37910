import gov.aps.jca.CAStatus;
import gov.aps.jca.Channel;
import gov.aps.jca.Context;
import gov.aps.jca.JCALibrary;
import gov.aps.jca.Monitor;
import gov.aps.jca.dbr.CTRL;
import gov.aps.jca.dbr.DBR;
import gov.aps.jca.dbr.DBRType;
import gov.aps.jca.dbr.LABELS;
import gov.aps.jca.dbr.PRECISION;
import gov.aps.jca.dbr.TIME;
import gov.aps.jca.event.PutListener;
import java.lang.reflect.Array;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Goes through what Phoebus and the Archiver Appliance do, with their library.
 *
 * <p>Run as: java -cp jca.jar CajClient.java PREFIX [hang]. What it has seen is printed as lines
 * "what: value"; the PVs are those of serve_ioc.py. Any wait that is in vain ends it with an
 * exception. With "hang" it follows a PV while the server is stopped and goes on.
 */
public class CajClient {
    private static final int DEADLINE = 30; // [s]
    private static final long EPICS_EPOCH = 631152000; // 1990-01-01 in Unix time [s]
    private static final String CAJ = "com.cosylab.epics.caj.CAJContext.";

    private final Context context;
    private final String prefix;

    CajClient(Context context, String prefix) {
        this.context = context;
        this.prefix = prefix;
    }

    public static void main(String[] args) {
        try {
            go(args[0], args.length > 1);
            System.exit(0);
        } catch (Exception error) {
            error.printStackTrace();
            System.exit(1); // threads of the library would go on
        }
    }

    private static void go(String prefix, boolean hangs) throws Exception {
        String port = System.getenv("EPICS_CA_SERVER_PORT");
        System.setProperty(CAJ + "addr_list", "127.0.0.1:" + port);
        System.setProperty(CAJ + "auto_addr_list", "false");
        System.setProperty(CAJ + "repeater_port", System.getenv("EPICS_CA_REPEATER_PORT"));
        System.setProperty(CAJ + "max_array_bytes", "100000000");
        System.setProperty(CAJ + "connection_timeout", "2.0");
        Context context = JCALibrary.getInstance().createContext(JCALibrary.CHANNEL_ACCESS_JAVA);
        CajClient client = new CajClient(context, prefix);
        if (hangs) {
            client.hang();
        } else {
            client.run();
        }
        context.destroy();
    }

    private void run() throws Exception {
        for (String name : new String[] {"Flow", "Limit", "Valve", "Wave", "Title", "Wave.[2:5]"}) {
            Channel channel = connect(name);
            tell(name + " type", channel.getFieldType().getName());
            tell(name + " count", channel.getElementCount());
            tell(name + " rights", channel.getReadAccess() + " " + channel.getWriteAccess());
        }
        controls();
        puts();
        monitors();
    }

    private void controls() throws Exception {
        DBR flow = get("Flow", DBRType.CTRL_DOUBLE, 1);
        CTRL control = (CTRL) flow;
        tell("Flow value", text(flow));
        tell("Flow units", control.getUnits());
        tell("Flow precision", ((PRECISION) flow).getPrecision());
        tell("Flow alarm", control.getSeverity().getName() + " " + control.getStatus().getName());
        tell("Flow display", control.getLowerDispLimit() + " " + control.getUpperDispLimit());
        tell("Flow limits", control.getUpperWarningLimit() + " " + control.getUpperAlarmLimit());
        control = (CTRL) get("Limit", DBRType.CTRL_DOUBLE, 1);
        tell("Limit limits", control.getLowerCtrlLimit() + " " + control.getUpperCtrlLimit());
        LABELS valve = (LABELS) get("Valve", DBRType.LABELS_ENUM, 1);
        tell("Valve labels", String.join(" ", valve.getLabels()));
    }

    private void puts() throws Exception {
        Channel limit = connect("Limit");
        Channel valve = connect("Valve");
        tell("put 4.5", put(listener -> limit.put(4.5, listener)));
        tell("put 11", put(listener -> limit.put(11.0, listener)));
        tell("Limit value", text(get("Limit", DBRType.DOUBLE, 1)));
        tell("put Open", put(listener -> valve.put("Open", listener)));
        tell("put Stuck", put(listener -> valve.put("Stuck", listener)));
        tell("put Purple", put(listener -> valve.put("Purple", listener)));
        tell("Valve value", text(get("Valve", DBRType.STRING, 1)));
        Channel note = connect("Note");
        String words = "é 日本 \uD83D\uDE00";
        int[] units = words.chars().toArray(); // so Phoebus sends a text
        int[] ended = java.util.Arrays.copyOf(units, units.length + 1);
        tell("put text", put(listener -> note.put(ended, listener)));
        byte[] bytes = (byte[]) get("Note", DBRType.BYTE, 0).getValue();
        String read = new String(bytes, StandardCharsets.UTF_8);
        tell("Note value", read.substring(0, read.indexOf(0)).equals(words));
    }

    /** A PV that does not change: after a hang its subscription is answered again. */
    private void hang() throws Exception {
        Channel flow = connect("Flow");
        var changes = new LinkedBlockingQueue<Boolean>();
        flow.addConnectionListener(event -> changes.add(event.isConnected()));
        var events = monitor("Flow", 1);
        tell("first", next(events));
        tell("connected", take(changes));
        tell("connected", take(changes));
        tell("then", next(events));
        tell("put", put(listener -> connect("Limit").put(2.5, listener)));
        tell("more events", events.size());
    }

    private static boolean take(BlockingQueue<Boolean> changes) throws Exception {
        return changes.poll(DEADLINE, TimeUnit.SECONDS);
    }

    /** A waveform as it comes, with a fixed count, with all it can hold, and through a filter. */
    private void monitors() throws Exception {
        Channel wave = connect("Wave");
        put(listener -> wave.put(new double[] {0, 1, 2, 3, 4}, listener));
        var variable = monitor("Wave", 0);
        var three = monitor("Wave", 3);
        var whole = monitor("Wave", wave.getElementCount());
        var part = monitor("Wave.[2:5]", 0);
        tell("variable first", next(variable));
        tell("three first", next(three));
        tell("whole first", next(whole));
        tell("part first", next(part));
        double[] many = new double[wave.getElementCount()];
        for (int i = 0; i < many.length; i++) {
            many[i] = i + 0.5;
        }
        tell("put whole", put(listener -> wave.put(many, listener)));
        tell("variable then", next(variable));
        tell("three then", next(three));
        tell("whole then", next(whole));
        tell("part then", next(part));
    }

    private Channel connect(String name) throws Exception {
        var connected = new CompletableFuture<Void>();
        Channel channel =
                context.createChannel(
                        prefix + name,
                        event -> {
                            if (event.isConnected()) {
                                connected.complete(null);
                            }
                        });
        if (channel.getConnectionState() != Channel.CONNECTED) {
            connected.get(DEADLINE, TimeUnit.SECONDS);
        }
        return channel;
    }

    private DBR get(String name, DBRType type, int count) throws Exception {
        var got = new CompletableFuture<DBR>();
        connect(name).get(type, count, event -> got.complete(event.getDBR()));
        context.flushIO();
        return got.get(DEADLINE, TimeUnit.SECONDS);
    }

    private interface Put {
        void to(PutListener listener) throws Exception;
    }

    private String put(Put put) throws Exception {
        var ended = new CompletableFuture<CAStatus>();
        put.to(event -> ended.complete(event.getStatus()));
        context.flushIO();
        return ended.get(DEADLINE, TimeUnit.SECONDS).getName();
    }

    private BlockingQueue<DBR> monitor(String name, int count) throws Exception {
        var events = new LinkedBlockingQueue<DBR>();
        connect(name)
                .addMonitor(
                        DBRType.TIME_DOUBLE,
                        count,
                        Monitor.VALUE | Monitor.ALARM,
                        event -> events.add(event.getDBR()));
        context.flushIO();
        return events;
    }

    private static String next(BlockingQueue<DBR> events) throws Exception {
        DBR event = events.poll(DEADLINE, TimeUnit.SECONDS);
        long stamp = ((TIME) event).getTimeStamp().secPastEpoch() + EPICS_EPOCH;
        long age = System.currentTimeMillis() / 1000 - stamp;
        return text(event) + (Math.abs(age) < 600 ? "" : " of another time");
    }

    /** The number of elements, and the first few and the last of them. */
    private static String text(DBR value) {
        Object array = value.getValue();
        int count = value.getCount();
        var text = new StringBuilder(count + " of");
        for (int i = 0; i < Math.min(count, 5); i++) {
            text.append(" ").append(Array.get(array, i));
        }
        return count > 5 ? text + " ... " + Array.get(array, count - 1) : text.toString();
    }

    private static void tell(String what, Object value) {
        System.out.println(what + ": " + value);
    }
}
