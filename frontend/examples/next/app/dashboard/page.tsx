export default function Dashboard() {
  return (
    <>
      <h1>Dashboard</h1>
      <p>Viewing this page records its route, /dashboard.</p>
    </>
  );
}
